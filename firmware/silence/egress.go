package silence

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// table is the name of the netfilter table, and of the chain in it.
const table = "cafeprobe"

// dropEgress has netfilter drop all that would leave the interface: a chain without rules at the egress hook whose policy
// is to drop (nft(8), NETDEV ADDRESS FAMILY; Linux 5.16). It replaces one that was there.
func dropEgress(name string) error {
	c, err := dial(unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer c.close()
	// struct nfgenmsg: family, version, resource id in network byte order
	batch := []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}
	netdev := []byte{unix.NFPROTO_NETDEV, unix.NFNETLINK_V0, 0, 0}
	nft := func(kind, flags uint16) message {
		return newMessage(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags|unix.NLM_F_ACK, netdev...)
	}
	number := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	hook := message(nil).attr(unix.NFTA_HOOK_HOOKNUM, number(unix.NF_NETDEV_EGRESS)).
		attr(unix.NFTA_HOOK_PRIORITY, number(0)).attr(unix.NFTA_HOOK_DEV, zero(name))
	_, err = c.ask(
		newMessage(unix.NFNL_MSG_BATCH_BEGIN, 0, batch...),
		nft(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE).attr(unix.NFTA_TABLE_NAME, zero(table)),
		nft(unix.NFT_MSG_DELTABLE, 0).attr(unix.NFTA_TABLE_NAME, zero(table)),
		nft(unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE).attr(unix.NFTA_TABLE_NAME, zero(table)),
		nft(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE).attr(unix.NFTA_CHAIN_TABLE, zero(table)).
			attr(unix.NFTA_CHAIN_NAME, zero("egress")).attr(unix.NFTA_CHAIN_HOOK|unix.NLA_F_NESTED, hook).
			attr(unix.NFTA_CHAIN_POLICY, number(nfDrop)).attr(unix.NFTA_CHAIN_TYPE, zero("filter")),
		newMessage(unix.NFNL_MSG_BATCH_END, 0, batch...),
	)
	return err
}

// nfDrop is NF_DROP (linux/netfilter.h).
const nfDrop = 0
