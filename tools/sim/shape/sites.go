package shape

// Page is what one look at a page costs: names, weight, and how long it is read.
//
// One page of a blog was 608 frames and 558 kB in 1.3 s (quic-firefox_102_13_0esr_blog_cloudflare_com--zeek.pcap); pages of
// 2024 weigh 2.6 MB in the median (almanac.httparchive.org, page weight), of which a browser that was there before fetches
// a part. How long pages are read: a Weibull with a falling rate, half of them less than 30 s (Liu, White, Dumais:
// Understanding web browsing behaviors, SIGIR 2010).
type Page struct {
	Names  Range // hosts beside the page's own
	KB     Range // of them all, drawn by the logarithm
	Read   float64
	ReadTo float64 // seconds: scale of the Weibull with shape 0.75, and the longest
}

// Pages is what pages are like.
var Pages = Page{Names: Range{2, 16}, KB: Range{150, 4000}, Read: 42, ReadTo: 240}

// Feed is what a feed is like: one connection, pictures as one goes down it.
var Feed = struct {
	Every Range // seconds between two looks
	KB    Range
}{Range{3, 28}, Range{20, 900}}

// Film is how films come: a segment at a time. Of app-netflix--ndpi.pcap (90 s) and quic-youtube_quic--ndpi.pcap, 145
// frames of 1117 octets down and 113 of 141 up in 3.1 s, at the start of a film; players fetch segments of 2 to 10 s
// (Stockhammer: Dynamic adaptive streaming over HTTP, MMSys 2011).
var Film = struct {
	Segment Range // seconds from one to the next
	Mbit    Range // a second of film
	Film    Range // minutes
}{Range{4, 11}, Range{0.8, 5}, Range{2, 35}}

// Sites are where people go.
var Sites = []string{
	"vnexpress.net", "dantri.com.vn", "kenh14.vn", "24h.com.vn", "zingnews.vn", "thanhnien.vn", "tuoitre.vn", "genk.vn",
	"gamek.vn",
	"bongda24h.vn", "bongdaplus.vn", "soha.vn", "tinhte.vn", "voz.vn", "shopee.vn", "lazada.vn", "tiki.vn", "fptshop.com.vn",
	"thegioididong.com", "vi.wikipedia.org", "www.google.com", "translate.google.com", "truyenfull.vn", "nettruyen.com",
	"otakusan.net", "motphim.net", "phimmoi.net", "xemphim.app", "hocmai.vn", "vietjack.com", "loigiaihay.com", "canva.com",
	"github.com", "stackoverflow.com", "mail.google.com", "docs.google.com", "vtv.vn", "cafef.vn", "muare.vn", "chotot.com",
	"nhac.vn", "nhaccuatui.com", "op.gg", "u.gg", "liquipedia.net", "hltv.org", "steamdb.info", "gamevui.vn", "y8.com",
	"poki.com",
}

// Parts are hosts that pages bring with them.
var Parts = []string{
	"fonts.gstatic.com", "fonts.googleapis.com", "www.googletagmanager.com", "www.google-analytics.com",
	"pagead2.googlesyndication.com",
	"securepubads.g.doubleclick.net", "static.xx.fbcdn.net", "connect.facebook.net", "cdn.jsdelivr.net", "cdnjs.cloudflare.com",
	"ajax.googleapis.com", "i1-vnexpress.vnecdn.net", "s1.vnecdn.net", "media.adtimaserver.vn", "a.mgid.com", "cdn.taboola.com",
	"sb.scorecardresearch.com", "tpc.googlesyndication.com", "adx.admicro.vn", "static.ants.vn", "lg.logging.admicro.vn",
	"cdn.eva.vn",
	"s.w.org", "secure.gravatar.com", "js.hs-scripts.com", "bat.bing.com", "www.clarity.ms", "analytics.tiktok.com",
	"vcdn.zing.vn",
	"photo.znews.vn", "cdn.24h.com.vn", "log.dantri.com.vn", "kenh14cdn.com", "mediacdn.vn", "imasdk.googleapis.com",
	"c.amazon-adsystem.com",
}

// Feeds and Films are where feeds and films come from, with the class of each.
var (
	Feeds = []string{"www.facebook.com", "web.facebook.com", "www.instagram.com", "www.threads.net", "www.reddit.com", "x.com"}
	Films = []string{"www.youtube.com", "www.tiktok.com", "www.twitch.tv", "fptplay.vn", "vieon.vn", "www.netflix.com"}
	Chats = []string{"chat.zalo.me", "www.messenger.com", "web.telegram.org", "discord.com"}
)
