package web

import (
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"cafeprobe/tools/province/live"
	"cafeprobe/uplink"
)

var english = words{
	Lang: "en", Other: "vi", OtherName: "Tiếng Việt", printer: message.NewPrinter(language.English),

	Title:  "Internet and game café supervision",
	Notice: "Information for inspection, not a finding of an offence.",
	Lost:   "No connection to the province's server: the figures below are no longer updated. The page is reconnecting by itself.",
	Now:    "As of", Zone: "Vietnam time",

	Cafes: "Cafés", None: "No box has sent anything yet. A café appears here as soon as its box connects for the first time.",
	On: "stations on", Told: "Figures from", Arrived: "Figures arrived", Heard: "Last heard", Never: "never heard",
	Unsure: "time not certain", Vantage: "Vantage", Records: "Records", Chain: "Chain", Box: "Box",
	Newest: "Newest records", NoRecords: "No records yet.",
	Time: "Time", Cafe: "Café", What: "What", Seq: "No.",
	NoTime: "time not known", Got: "arrived", Waiting: "waiting for the records before it",

	sum: "Cafés %[1]d: %[2]s. Stations on: %[3]d.", more: "Cafés not shown here: %d.",
	away: "The province's store does not answer. Please try again in a few minutes.",
	late: "old by %s on arrival: sent again or replayed", early: "stamped %s after arrival: the box's clock is fast",
	ago: "%s ago", justNow: "just now", inUse: "Of those in use: %d.", unsaid: "Not known whether in use: %d.",
	books: "%[1]d verified of %[2]d received", intact: "intact", missing: "records missing: %d, the box may still send them",
	lostForever: "records the box no longer holds: %d", forked: "a second branch (records: %d): the box is to be checked",
	doubted:   "alarms that it is not one box's alone: %d, the box is to be checked",
	cardFault: "Its card takes no records: %s.", cardBroken: "Files on its card found broken: %d.", cardWarn: "Its card: %s.",
	unreceipted: "Connected for %s without receipts: the broker takes what the province does not get.",

	fromBoot: "Firmware %s.", alive: "Last known to run: %s.",
	roster: "Stations: %d", part: "part %[1]d of %[2]d",
	usedFrom: "Station %[1]s appears to be in use, confidence %[2]d %%.", usedTo: "Station %[1]s no longer in use after %[2]s, confidence %[3]d %%: %[4]s.",
	opened: "Station %[1]s on, confidence %[2]d %%.", closed: "Station %[1]s off after %[2]s, confidence %[3]d %%: %[4]s.",
	unseen: "Station %[1]s no longer followed after %[2]s, confidence %[3]d %%: %[4]s.", give: "Give or take %s.",
	titles: "The whole café in %[1]s: %[2]s.", titleUse: "%[1]s, station-minutes %[2]d on stations %[3]d",
	fewer:     "applications not named: %[1]d, each on fewer stations than %[2]d",
	blindFrom: "The box does not see the stations (%s). This time counts neither as open nor as closed.",
	blindTo:   "The box sees the stations again (before: %s).",
	health:    "In %[1]s: frames %[2]d, stations known %[3]d, records awaiting a receipt %[4]d, spool %.1[5]f MiB.",
	dropped:   "Frames not read in time: %d.",
	missed:    "Frames of the mirror lost on their way to the box: %d.",
	passed:    "Numbers %[1]d to %[2]d were not used: the power was cut. Nothing is known to be lost.",
	unused:    "Numbers %[1]d to %[2]d were not used: %[3]s.",
	gap:       "Records %[1]d to %[2]d are lost: %[3]s.", unnumbered: "Records not kept: %[1]d, %[2]s.",
	offSince: "The box did not work from %s.", unknownOff: "Since when the box did not work is not known.",
	cleanOff: "It was shut down in order.", cutOff: "It said no goodbye, perhaps a power cut.",
	anchored: "Time compared with %[1]s, give or take %[2]d ms.", stepped: "Stepped by %d ms.",
	linkUp: "Port %s has a link.", linkDown: "Port %s lost its link.", power: "%s.",
	configured: "Changed: %s.", done: "Command %[1]s, number %[2]d: %[3]s.", updated: "Version %[1]s: %[2]s.",
	forkedAt: "The card differs from the province's records from %d on: it was copied or restored.",
	refusedN: "Times the box refused: %[1]d, %[2]s.", wrong: "Not working: %s.",
	opaque: "This version keeps the record and does not read it yet.", garbled: "The facts are out of range; kept as they came.",
	days: "%d d", hours: "%d h", minutes: "%d min", seconds: "%d s",

	status: map[live.Status]string{
		live.Open: "open", live.Closed: "closed", live.Unknown: "unknown", live.Blind: "blind", live.Offline: "offline",
	},
	why: map[live.Status]string{
		live.Open:    "At least one station is on.",
		live.Closed:  "The box sees the stations' network, and none is on.",
		live.Unknown: "The box is heard, but what it sees does not tell whether the café is open.",
		live.Blind:   "The box is heard but does not see the stations: open or closed is not known.",
		live.Offline: "The box is not heard: open or closed is not known.",
	},
	kinds: map[uplink.Kind]string{
		uplink.KindBoot: "Box started", uplink.KindOff: "Box was off", uplink.KindAnchor: "Time compared",
		uplink.KindRoster: "Stations of the café", uplink.KindOpen: "Station on", uplink.KindClose: "Station's session ended",
		uplink.KindTitle: "Use of applications", uplink.KindVantage: "Vantage", uplink.KindBlind: "Sight",
		uplink.KindLink: "Network port", uplink.KindPower: "Power", uplink.KindConfig: "Configuration changed",
		uplink.KindCommand: "Result of a command", uplink.KindUpdate: "Firmware update", uplink.KindHealth: "Health of the box",
		uplink.KindGap: "Break in the numbers", uplink.KindFork: "Chain has a second branch", uplink.KindSecurity: "Refused for security",
		uplink.KindEvent:      "Event of the box",
		uplink.KindAfterHours: "Stations used after hours", uplink.KindMaintenance: "Maintenance announced",
		uplink.KindDispute: "Owner's dispute",
	},
	roles: map[string]string{
		"unknown": "not known", "pc": "PC", "router": "router", "server": "server", "cashier": "cashier's PC", "phone": "phone",
		"printer": "printer", "other": "other",
	},
	boots: map[string]string{
		"power": "Power came back.", "reboot": "Restarted on command.", "watchdog": "Restarted by the watchdog.",
		"update": "Started after an update.", "crash": "Restarted after a fault of the firmware.",
	},
	blinds: map[string]string{
		"link-down": "link down", "no-frames": "no frames", "broadcasts": "broadcasts only", "dropped": "frames not read in time",
		"source-ended": "source ended",
	},
	results: map[string]string{"done": "done", "refused": "refused", "failed": "failed"},
	powers:  map[string]string{"good": "Supply good", "low": "Supply voltage low", "throttled": "Slowed down by a weak supply"},
	events: map[string]string{
		uplink.EventCrash: "A program of the box ended by a fault.", uplink.EventData: "The data on the card are not as they should be.",
		uplink.EventProvision: "The technician's settings were put in place, or refused.",
		uplink.EventPowerDown: "The box was switched off at its button.", uplink.EventReboot: "The box restarted itself.",
		uplink.EventDamaged: "The firmware on the card is not what was written there: the box may not start again.",
		uplink.EventReset:   "The box's settings were taken away at its button; it keeps its keys and its records.",
	},
	checks: map[string]string{
		"power": "power", "storage": "card", "clock": "time", "capture": "capture port", "vantage": "vantage", "uplink": "uplink",
		"broker": "connection", "receipts": "receipts",
	},
	updates: map[string]string{
		"announced": "offered", "fetched": "fetched", "refused": "refused", "written": "written, the box starts anew", "trial": "on trial",
		"confirmed": "runs and is kept", "rolled-back": "did not prove itself, the one before runs again",
	},
	notTaken: map[string]string{
		"malformed": "What came is no firmware.", "unsigned": "It is not signed.", "wrong-key": "It is signed with another key.",
		"revoked-key": "It is signed with a key that was replaced.", "older": "It is older than what the box has.",
		"frozen": "What was signed last has expired; newer may be held back.", "other-board": "It is for another model.",
		"truncated": "It is cut short.", "swapped": "It is not the file that was signed.", "endless": "It is larger than was signed.",
		"no-room": "There is no room for it.", "current": "It runs already.", "absent": "There is none for this model.",
		"network": "It could not be fetched.", "card": "The card does not keep it.",
		"reset": "The box hung, or lost its power.", "damaged": "It is not on the card as it was written.",
		"watchdog": "The box hung, and its watchdog reset it.",
	},
	refusals: map[string]string{
		uplink.SecurityNoRoom:    "no room for a firmware",
		uplink.SecurityMalformed: "malformed message", uplink.SecurityForged: "signature does not verify",
		uplink.SecurityReplayed: "command sent again", uplink.SecurityExpired: "command expired",
		uplink.SecurityMisled: "message for another box", uplink.SecurityFlood: "too many messages",
		uplink.SecuritySent: "the capture port sent a frame", uplink.SecurityUntrue: "a time that cannot be",
		uplink.SecurityDisputed: "time servers disagree", uplink.SecurityStep: "a step of the time, waiting to be confirmed",
		uplink.SecurityStranger: "a mirror from a sender that is not in the list",
		uplink.SecurityGuess:    "a wrong PIN or label code at the owner's page",
		uplink.SecurityCross:    "a form for the owner's page that another site sent",
	},
	cards: map[string]string{
		uplink.CardFull: "full", uplink.CardReadOnly: "read-only", uplink.CardFailing: "answers with errors",
		uplink.CardBroken: "does not keep what is written", uplink.CardVolatile: "does not outlive a power cut",
		uplink.CardNoJournal: "file system without a journal", uplink.CardNoBarrier: "mounted so that a power cut can lose records",
		uplink.CardUnknown: "reason not known",
	},
	gaps: map[string]string{"corrupt": "card damaged", "full": "card full", "torn": "power cut", "fork": "card restored or copied"},
	sights: map[string]string{
		"A+": "A+: sees every station's traffic and the boot server's", "A": "A: sees every station's traffic",
		"C": "C: a plain port, sees a part; silence does not mean off", "BLIND": "sees no station",
	},
	vantages: map[string]string{
		"mirror": "a mirror in both directions", "mirror-disks": "a mirror in both directions, with the disks",
		"second-switch": "a second switch or a second line does not pass the mirror", "broadcasts": "broadcasts only",
		"one-way": "a mirror of one direction", "one-port": "a mirror of another port than the router's",
		"no-frames": "no frames", "given": "as the technician said; the frames say otherwise",
	},
	hidden: "Stations not seen: %d.", lost: "The mirror loses %.1f %% of the traffic.",
	causes: map[uplink.Cause]string{
		uplink.CauseUserRequest: "it said goodbye", uplink.CauseLostCarrier: "cable disconnected",
		uplink.CauseLostService: "the box no longer sees it, it may still be on",
		uplink.CauseIdleTimeout: "no more signs of it", uplink.CauseNASReboot: "the box stopped or restarted, it may still be on",
		uplink.CauseHostRequest: "it started anew", uplink.CauseNASRequest: "the box let go of it, it may still be on",
	},

	Nights: "Stations used after hours", NoNights: "No night has been told of yet.", NightOf: "Night of", Going: "not final yet", Over: "final figures",
	used:    "From %[1]s to %[2]s, stations at once: %[3]d at most, station-minutes: %[4]d, confidence %[5]d %%.",
	notSeen: "Minutes that could not be seen: %d.", maintained: "Minutes in a declared maintenance: %d.", unsureTimes: "Times not certain.",
	stages: map[string]string{uplink.StageWatch: "to be noted", uplink.StageAlert: "inspection suggested", uplink.StageEnd: "summary of the night"},

	Replaced: "Replacement", replaced: "The box was replaced on %[1]s; before, it was %[2]s.",
	newCard:  "The card or board of the box was replaced on %s.",
	newChain: "The box began a new chain of records on %s.",
	because:  "Reason: %s.", awaited: "The new box has not been heard yet.",
	cameBack: "The box that was replaced (%[1]s) tried to come back at %[2]s and was refused.",
	earlier:  "The box before it was replaced (%[1]s): %[2]s",

	Disputed:   "The owner disputes this",
	disputed:   "The owner disputes what was told of the night of %[1]s (%[2]s, record %[3]d): “%[4]s”",
	announced:  "Maintenance announced from %[1]s to %[2]s, by %[3]s.",
	announcers: map[string]string{uplink.ByOwner: "the owner", uplink.ByProvince: "the province"},
}
