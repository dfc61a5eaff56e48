//! How a network is configured, in the files of whoever manages it, and what the kernel says of it.

use std::fmt::Debug;

use deskwarden_parse::{
    netconf::{self, Profile},
    rtnetlink, sockdiag, uevent,
};

use crate::{
    Target,
    measure::{at_most, in_proportion},
    promise::{repeated, texts},
};

/// Keys lead to values at the depth of a file's indentation, and each is kept with its keys.
const NESTED: usize = 256;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "netplan",
        covers: &["netconf::parse_netplan"],
        check: |bytes| profiles(bytes, &netconf::parse_netplan(bytes), NESTED),
        seeds: || {
            let mut seeds = texts([
                "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    eth0:\n      dhcp4: true\n    lan:\n      match: {macaddress: a}\n      match:\n        macaddress: 00:11:22:33:44:55\n      addresses:\n        - 192.0.2.2/24\n        - \"2001:db8::2/64\":\n            label: x\n      routes:\n        - to: default\n          via: 192.0.2.1\n      nameservers:\n        addresses: [192.0.2.53, 8.8.8.8]\n  wifis:\n    w:\n      access-points:\n        \"office\":\n          password: x\n",
            ]);
            seeds.push(repeated(
                &format!("network:\n ethernets:\n  {}:\n   addresses: [", "k".repeat(3_000)),
                "1,",
            ));
            let mut list = repeated(&format!("{}: [", "k".repeat(3_000)), "1,");
            list.push(b']');
            seeds.push(list);
            seeds.push(repeated("", "- "));
            seeds
        },
    },
    Target {
        name: "network-manager",
        covers: &["netconf::parse_keyfile"],
        check: |bytes| profiles(bytes, &[netconf::parse_keyfile(bytes)], 64),
        seeds: || {
            texts([
                "[connection]\nid=Wired\nuuid=2815492f-7e56-435e-b2e9-246bd7cdc664\ntype=ethernet\ninterface-name=eth0\n[ethernet]\nmac-address=00:11:22:33:44:55\n[ipv4]\nmethod=manual\naddress1=192.0.2.2/24,192.0.2.1\ndns=192.0.2.53;\ndns-search=example;\n",
                "[connection]\ntype=wifi\n[wifi]\nssid=111;102;\n[ipv4]\nmethod=auto\naddresses=1.2.3.4/8,0.0.0.0;\n",
            ])
        },
    },
    Target {
        name: "networkd",
        covers: &["netconf::parse_network"],
        check: |bytes| profiles(bytes, &[netconf::parse_network(bytes)], 64),
        seeds: || {
            texts([
                "[Match]\nName=eth* !eth1\nMACAddress=00-11-22-33-44-55\nType=ether\n[Network]\nDHCP=ipv4\nAddress=192.0.2.2/24\nGateway=192.0.2.1\nDNS=192.0.2.53 1.1.1.1\nDomains=example ~corp\n[Route]\nGateway=_dhcp4\n",
            ])
        },
    },
    Target {
        name: "ifcfg",
        covers: &["netconf::parse_ifcfg", "netconf::parse_routes"],
        check: |bytes| {
            profiles(bytes, &[netconf::parse_ifcfg(bytes)], 64);
            in_proportion(bytes, &netconf::parse_routes(bytes));
        },
        seeds: || {
            texts([
                "TYPE=Ethernet\nBOOTPROTO=none\nDEVICE=eth0\nHWADDR=00:11:22:33:44:55\nIPADDR=192.0.2.2\nPREFIX=24\nIPADDR1=192.0.2.3\nNETMASK1=255.255.255.0\nGATEWAY=192.0.2.1\nDNS1=192.0.2.53\n",
                "default 192.0.2.1 - -\n10.0.0.0/8 192.0.2.9 - eth0\n",
                "BOOTPROTO='static'\nSTARTMODE='auto'\nIPADDR='192.0.2.2/24'\n",
            ])
        },
    },
    Target {
        name: "ifupdown",
        covers: &["netconf::parse_interfaces"],
        check: |bytes| profiles(bytes, &netconf::parse_interfaces(bytes), 64),
        seeds: || {
            let mut seeds = texts([
                "auto lo eth0\niface lo inet loopback\niface eth0 inet static\n  address 192.0.2.2/24\n  gateway 192.0.2.1\n  dns-nameservers 192.0.2.53 1.1.1.1\niface eth0 inet6 auto\niface eth1 inet dhcp\n",
                "iface a inet static\naddress 1.2.3.4\nnetmask 255.255.0.0\n",
            ]);
            seeds.push(repeated("", "iface a b c\n"));
            seeds
        },
    },
    Target {
        name: "leases",
        covers: &[
            "netconf::parse_lease",
            "netconf::parse_dhclient_leases",
            "netconf::parse_resolv_conf",
        ],
        check: |bytes| {
            in_proportion(bytes, &netconf::parse_lease(bytes));
            in_proportion(bytes, &netconf::parse_resolv_conf(bytes));
            let leases = netconf::parse_dhclient_leases(bytes);
            in_proportion(bytes, &leases);
            for (at, lease) in leases.iter().enumerate() {
                assert!(lease.address.is_some());
                assert!(
                    leases[..at]
                        .iter()
                        .all(|other| other.interface != lease.interface)
                );
            }
        },
        seeds: || {
            texts([
                "ADDRESS=192.0.2.2\nDNS=192.0.2.53 1.1.1.1\nDOMAINNAME=example\n",
                "lease {\n  interface \"eth0\";\n  fixed-address 192.0.2.2;\n  option domain-name-servers 192.0.2.53,1.1.1.1;\n  option domain-name \"example\";\n}\n",
                "nameserver 192.0.2.53\nnameserver 127.0.0.53\nsearch a b .\n",
            ])
        },
    },
    Target {
        name: "rtnetlink",
        covers: &[
            "rtnetlink::messages",
            "rtnetlink::parse_error",
            "rtnetlink::parse_link",
            "rtnetlink::parse_address",
            "rtnetlink::parse_route",
            "rtnetlink::parse_neighbour",
            "rtnetlink::format_mac",
        ],
        check: |bytes| {
            let mut total = 0;
            for message in rtnetlink::messages(bytes) {
                total += 16 + message.payload.len();
                payload(message.payload);
            }
            assert!(total <= bytes.len(), "no byte is in two messages");
            payload(bytes);
            let mac = rtnetlink::format_mac(bytes);
            assert!(mac.is_empty() || mac.len() == bytes.len() * 3 - 1);
        },
        seeds: netlink,
    },
    Target {
        name: "sockdiag",
        covers: &["sockdiag::parse_socket"],
        check: |bytes| in_proportion(bytes, &sockdiag::parse_socket(bytes)),
        seeds: || {
            // Family and state, then ports, addresses, interface, cookie, and what the kernel counts.
            let mut message = vec![2u8, 10, 0, 0, 0x1f, 0x90, 0, 0];
            message.extend([127, 0, 0, 1]);
            message.resize(72, 0);
            message[68..72].copy_from_slice(&4711u32.to_ne_bytes());
            vec![message.clone(), message[..20].to_vec()]
        },
    },
    Target {
        name: "uevent",
        covers: &["uevent::subsystem"],
        check: |bytes| {
            if let Some(found) = uevent::subsystem(bytes) {
                assert!(!found.contains(&0) && found.len() < bytes.len());
            }
        },
        seeds: || texts(["add@/devices/usb1\0ACTION=add\0SUBSYSTEM=usb\0", "SUBSYSTEM=a"]),
    },
];

fn profiles(bytes: &[u8], found: &[Profile], per_byte: usize) {
    at_most(bytes, &found, per_byte);
    for profile in found {
        for (ip, prefix) in &profile.addresses {
            assert!(*prefix <= if ip.is_ipv4() { 32 } else { 128 });
        }
        profile.matches.fits("eth0", &["00:11:22:33:44:55"], "ethernet");
    }
}

fn payload(bytes: &[u8]) {
    fn checked(bytes: &[u8], found: &impl Debug) {
        in_proportion(bytes, found);
    }
    rtnetlink::parse_error(bytes);
    checked(bytes, &rtnetlink::parse_address(bytes));
    checked(bytes, &rtnetlink::parse_route(bytes));
    if let Some(link) = rtnetlink::parse_link(bytes) {
        assert!(!link.name.is_empty() && link.mac.len() <= 32);
        checked(bytes, &link);
    }
    if let Some(neighbour) = rtnetlink::parse_neighbour(bytes) {
        assert!(neighbour.mac.len() <= 32);
        checked(bytes, &neighbour);
    }
}

/// A dump as the kernel answers it: a link, its address, its route with two ways, a neighbour, the end.
fn netlink() -> Vec<Vec<u8>> {
    use rtnetlink::kind;
    let attribute = |kind: u16, value: &[u8]| {
        let mut out = ((4 + value.len()) as u16).to_ne_bytes().to_vec();
        out.extend(kind.to_ne_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    };
    let message = |kind: u16, head: &[u8], attributes: &[Vec<u8>]| {
        let body = [head, &attributes.concat()].concat();
        let mut out = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
        out.extend(kind.to_ne_bytes());
        out.extend(2u16.to_ne_bytes());
        out.extend([7, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(body);
        out
    };
    let hop = [&[16u8, 0, 0, 0, 2, 0, 0, 0][..], &attribute(5, &[192, 0, 2, 1])].concat();
    let all = [
        message(
            kind::NEW_LINK,
            &[0, 0, 1, 0, 2, 0, 0, 0, 0x43, 0, 1, 0, 0, 0, 0, 0],
            &[
                attribute(3, b"eth0\0"),
                attribute(1, &[0, 17, 34, 51, 68, 85]),
                attribute(54, &[0, 17, 34, 51, 68, 85]),
                attribute(18, &attribute(1, b"bridge\0")),
            ],
        ),
        message(
            kind::NEW_ADDRESS,
            &[2, 24, 0x80, 0, 2, 0, 0, 0],
            &[attribute(2, &[192, 0, 2, 2]), attribute(6, &[0xff; 16])],
        ),
        message(
            kind::NEW_ROUTE,
            &[2, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0],
            &[
                attribute(5, &[192, 0, 2, 1]),
                attribute(4, &[2, 0, 0, 0]),
                attribute(9, &hop.repeat(2)),
            ],
        ),
        message(
            kind::NEW_NEIGHBOUR,
            &[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0],
            &[
                attribute(1, &[192, 0, 2, 1]),
                attribute(2, &[0, 17, 34, 51, 68, 86]),
            ],
        ),
        message(kind::DONE, &[0; 4], &[]),
    ];
    let mut seeds: Vec<Vec<u8>> = all.iter().map(|message| message[16..].to_vec()).collect();
    seeds.push(all.concat());
    seeds.push(rtnetlink::dump_request(kind::GET_LINK, 1));
    seeds
}
