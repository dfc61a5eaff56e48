//! Messages of the kernel's route netlink family: links, addresses, routes, neighbours. Takes only the
//! attributes that facts need, and skips what it does not know: kernels from 4.19 on add and lengthen
//! attributes freely. Asking and receiving is the platform's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Kinds of messages, as the kernel numbers them.
pub mod kind {
    /// An error or the acknowledgement of a request.
    pub const ERROR: u16 = 2;
    /// End of a dump.
    pub const DONE: u16 = 3;
    /// A link as it is now.
    pub const NEW_LINK: u16 = 16;
    /// A link that went.
    pub const DEL_LINK: u16 = 17;
    /// Request for links.
    pub const GET_LINK: u16 = 18;
    /// An address as it is now.
    pub const NEW_ADDRESS: u16 = 20;
    /// An address that went.
    pub const DEL_ADDRESS: u16 = 21;
    /// Request for addresses.
    pub const GET_ADDRESS: u16 = 22;
    /// A route as it is now.
    pub const NEW_ROUTE: u16 = 24;
    /// A route that went.
    pub const DEL_ROUTE: u16 = 25;
    /// Request for routes.
    pub const GET_ROUTE: u16 = 26;
    /// A neighbour as it is now.
    pub const NEW_NEIGHBOUR: u16 = 28;
    /// A neighbour that went.
    pub const DEL_NEIGHBOUR: u16 = 29;
    /// Request for neighbours.
    pub const GET_NEIGHBOUR: u16 = 30;
}

/// Header flag: the dump changed under way and must be repeated.
pub const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
/// Lifetime that never ends.
pub const FOREVER: u32 = u32::MAX;

const HEADER: usize = 16;

/// One message: its header's fields and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// See [`kind`].
    pub kind: u16,
    /// Header flags.
    pub flags: u16,
    /// Sequence number of the request that it answers.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// A network link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Index in its namespace.
    pub index: u32,
    /// ARP hardware type: 1 Ethernet, 772 loopback, 512 PPP, 65534 none.
    pub hardware: u16,
    /// Interface flags.
    pub flags: u32,
    /// Name.
    pub name: String,
    /// Address in use.
    pub mac: Vec<u8>,
    /// Address burnt in, where the driver tells.
    pub permanent_mac: Vec<u8>,
    /// Kind of a virtual link: `bridge`, `veth`, `wireguard`, ...; empty for hardware.
    pub kind: String,
    /// Index of the link that this one is a port of.
    pub master: Option<u32>,
}

impl Link {
    /// Administratively up.
    pub fn is_up(&self) -> bool {
        self.flags & 0x1 != 0
    }
    /// Carrier is present.
    pub fn has_carrier(&self) -> bool {
        self.flags & 0x1_0000 != 0
    }
}

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Link.
    pub index: u32,
    /// The address itself, not its peer.
    pub ip: IpAddr,
    /// Prefix length in bits.
    pub prefix: u8,
    /// Address flags.
    pub flags: u32,
    /// Seconds that it stays valid, [`FOREVER`] without end.
    pub valid: u32,
}

impl Address {
    /// It has no lifetime: nobody will renew it.
    pub fn is_permanent(&self) -> bool {
        self.flags & 0x80 != 0 || self.valid == FOREVER
    }
    /// An IPv6 privacy address, replaced every few hours.
    pub fn is_temporary(&self) -> bool {
        self.ip.is_ipv6() && self.flags & 0x01 != 0
    }
}

/// One way to a destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Bits of the destination: 0 is a default route.
    pub destination_prefix: u8,
    /// Routing table; 254 is the main one.
    pub table: u32,
    /// 1 for unicast.
    pub route_type: u8,
    /// Metric; lower is preferred.
    pub priority: u32,
    /// Gateways with the link that each is behind.
    pub hops: Vec<(u32, Option<IpAddr>)>,
}

/// A machine on a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Link.
    pub index: u32,
    /// Reachability state bits.
    pub state: u16,
    /// Address that it answers for.
    pub ip: IpAddr,
    /// Its hardware address.
    pub mac: Vec<u8>,
}

impl Neighbour {
    /// The kernel has, or had and still believes, an answer.
    pub fn is_known(&self) -> bool {
        // Neither incomplete, failed nor without resolution.
        self.state & (0x01 | 0x20 | 0x40) == 0 && !self.mac.is_empty()
    }
}

/// Messages of one datagram. Ends at the first that claims more than there is.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = u32_at(rest, 0)? as usize;
        if length < HEADER {
            return None;
        }
        let message = Message {
            kind: u16_at(rest, 4)?,
            flags: u16_at(rest, 6)?,
            sequence: u32_at(rest, 8)?,
            payload: rest.get(HEADER..length)?,
        };
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// Error number of an error message: 0 is an acknowledgement. Positive, as in `errno`.
pub fn parse_error(payload: &[u8]) -> Option<i32> {
    Some((u32_at(payload, 0)? as i32).wrapping_neg())
}

/// A link message.
pub fn parse_link(payload: &[u8]) -> Option<Link> {
    let mut link = Link {
        hardware: u16_at(payload, 2)?,
        index: u32_at(payload, 4)?,
        flags: u32_at(payload, 8)?,
        ..Link::default()
    };
    for (kind, value) in attributes(payload.get(16..)?) {
        match kind {
            1 => link.mac = hardware_address(value),
            3 => link.name = text(value),
            10 => link.master = u32_at(value, 0).filter(|index| *index != 0),
            18 => {
                for (kind, value) in attributes(value) {
                    if kind == 1 {
                        link.kind = text(value);
                    }
                }
            }
            54 => link.permanent_mac = hardware_address(value),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

/// An address message.
pub fn parse_address(payload: &[u8]) -> Option<Address> {
    let family = *payload.first()?;
    let prefix = *payload.get(1)?;
    let mut flags = u32::from(*payload.get(2)?);
    let index = u32_at(payload, 4)?;
    let (mut near, mut far, mut valid) = (None, None, FOREVER);
    for (kind, value) in attributes(payload.get(8..)?) {
        match kind {
            1 => far = ip(family, value),
            2 => near = ip(family, value),
            6 => valid = u32_at(value, 4).unwrap_or(FOREVER),
            8 => flags = u32_at(value, 0).unwrap_or(flags),
            _ => {}
        }
    }
    Some(Address {
        index,
        ip: near.or(far)?,
        prefix,
        flags,
        valid,
    })
}

/// A route message.
pub fn parse_route(payload: &[u8]) -> Option<Route> {
    let family = *payload.first()?;
    let mut route = Route {
        destination_prefix: *payload.get(1)?,
        table: u32::from(*payload.get(4)?),
        route_type: *payload.get(7)?,
        ..Route::default()
    };
    let (mut link, mut gateway) = (None, None);
    for (kind, value) in attributes(payload.get(12..)?) {
        match kind {
            4 => link = u32_at(value, 0),
            5 => gateway = ip(family, value),
            6 => route.priority = u32_at(value, 0).unwrap_or_default(),
            9 => next_hops(family, value, &mut route.hops),
            15 => route.table = u32_at(value, 0).unwrap_or(route.table),
            18 => gateway = via(value),
            _ => {}
        }
    }
    if let Some(link) = link {
        route.hops.push((link, gateway));
    }
    Some(route)
}

/// A neighbour message.
pub fn parse_neighbour(payload: &[u8]) -> Option<Neighbour> {
    let family = *payload.first()?;
    let index = u32_at(payload, 4)?;
    let state = u16_at(payload, 8)?;
    let (mut address, mut mac) = (None, Vec::new());
    for (kind, value) in attributes(payload.get(12..)?) {
        match kind {
            1 => address = ip(family, value),
            2 => mac = hardware_address(value),
            _ => {}
        }
    }
    Some(Neighbour {
        index,
        state,
        ip: address?,
        mac,
    })
}

/// Lower-case hexadecimal with colons; empty for none and for all zeros.
pub fn format_mac(mac: &[u8]) -> String {
    if mac.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    let mut out = String::with_capacity(mac.len() * 3);
    for (position, byte) in mac.iter().enumerate() {
        if position > 0 {
            out.push(':');
        }
        for digit in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    out
}

/// Request for a dump: header and the family's header, zeroed but for the family.
pub fn dump_request(kind: u16, sequence: u32) -> Vec<u8> {
    let body: usize = match kind {
        kind::GET_LINK => 16,
        kind::GET_ADDRESS => 8,
        _ => 12,
    };
    request(kind, sequence, [0; 16].get(..body).unwrap_or_default())
}

/// Request for a dump with a body of its own.
pub fn request(kind: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let length = HEADER + body.len();
    let mut out = Vec::with_capacity(length);
    out.extend((length as u32).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    // NLM_F_REQUEST | NLM_F_DUMP
    out.extend(0x301u16.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    // From nobody in particular: the kernel knows the socket.
    out.extend([0; 4]);
    out.extend(body);
    out
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        // The two highest bits tell nesting and byte order.
        let kind = u16_at(rest, 2)? & 0x3fff;
        let value = rest.get(4..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn next_hops(family: u8, bytes: &[u8], out: &mut Vec<(u32, Option<IpAddr>)>) {
    let mut rest = bytes;
    while let (Some(length), Some(link)) = (u16_at(rest, 0), u32_at(rest, 4)) {
        let length = usize::from(length);
        let Some(inner) = rest.get(8..length) else { return };
        let mut gateway = None;
        for (kind, value) in attributes(inner) {
            match kind {
                5 => gateway = ip(family, value),
                18 => gateway = via(value),
                _ => {}
            }
        }
        out.push((link, gateway));
        rest = rest.get(aligned(length)..).unwrap_or_default();
    }
}

/// A gateway of another family than its route: family in two bytes, then the address.
fn via(value: &[u8]) -> Option<IpAddr> {
    ip(u8::try_from(u16_at(value, 0)?).ok()?, value.get(2..)?)
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        2 => Some(Ipv4Addr::from(*value.first_chunk::<4>()?).into()),
        10 => Some(Ipv6Addr::from(*value.first_chunk::<16>()?).into()),
        _ => None,
    }
}

fn hardware_address(value: &[u8]) -> Vec<u8> {
    value.get(..value.len().min(32)).unwrap_or_default().to_vec()
}

fn text(value: &[u8]) -> String {
    let end = memchr::memchr(0, value).unwrap_or(value.len());
    crate::text::decode(value.get(..end).unwrap_or_default()).into_owned()
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|chunk| u16::from_ne_bytes(*chunk))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|chunk| u32::from_ne_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend((value.len() as u16 + 4).to_ne_bytes());
        out.extend(kind.to_ne_bytes());
        out.extend(value);
        out.resize(aligned(out.len()), 0);
        out
    }

    #[test]
    fn a_link_is_read_with_its_kind_and_both_addresses() {
        let mut payload = vec![0, 0, 1, 0];
        payload.extend(7u32.to_ne_bytes());
        payload.extend(0x1_0001u32.to_ne_bytes());
        payload.extend([0; 4]);
        payload.extend(attribute(3, b"wg0\0"));
        payload.extend(attribute(1, &[2, 0, 0, 0, 0, 9]));
        payload.extend(attribute(54, &[0xaa, 0, 0, 0, 0, 9]));
        payload.extend(attribute(18 | 0x8000, &attribute(1, b"wireguard\0")));
        payload.extend(attribute(999, b"unknown"));
        let link = parse_link(&payload).unwrap();
        assert!(link.is_up() && link.has_carrier());
        assert_eq!((link.index, &*link.name, &*link.kind), (7, "wg0", "wireguard"));
        assert_eq!(format_mac(&link.mac), "02:00:00:00:00:09");
        assert_eq!(format_mac(&link.permanent_mac), "aa:00:00:00:00:09");
    }

    #[test]
    fn the_near_end_of_a_point_to_point_address_is_ours() {
        let mut payload = vec![2, 32, 0x80, 0];
        payload.extend(3u32.to_ne_bytes());
        payload.extend(attribute(1, &[10, 0, 0, 2]));
        payload.extend(attribute(2, &[10, 0, 0, 1]));
        let address = parse_address(&payload).unwrap();
        assert_eq!(address.ip.to_string(), "10.0.0.1");
        assert!(address.is_permanent() && !address.is_temporary());
    }

    #[test]
    fn every_hop_of_a_multipath_route_is_read() {
        let mut hops = Vec::new();
        for (link, last) in [(2u32, 1u8), (3, 2)] {
            let gateway = attribute(5, &[10, 0, 0, last]);
            hops.extend((gateway.len() as u16 + 8).to_ne_bytes());
            hops.extend([0, 0]);
            hops.extend(link.to_ne_bytes());
            hops.extend(gateway);
        }
        let mut payload = vec![2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0];
        payload.extend(attribute(9, &hops));
        let route = parse_route(&payload).unwrap();
        let found: Vec<_> = route
            .hops
            .iter()
            .map(|(link, ip)| (*link, ip.unwrap().to_string()))
            .collect();
        assert_eq!(found, [(2, "10.0.0.1".to_owned()), (3, "10.0.0.2".to_owned())]);
    }

    #[test]
    fn an_unresolved_neighbour_is_not_known() {
        let mut neighbour = Neighbour {
            index: 1,
            state: 0x04,
            ip: Ipv4Addr::LOCALHOST.into(),
            mac: vec![1; 6],
        };
        assert!(neighbour.is_known());
        neighbour.state = 0x20;
        assert!(!neighbour.is_known());
    }

    #[test]
    fn a_length_beyond_the_datagram_ends_the_walk() {
        let mut datagram = dump_request(kind::GET_LINK, 1);
        datagram.truncate(20);
        assert_eq!(messages(&datagram).count(), 0);
        assert_eq!(messages(&dump_request(kind::GET_ROUTE, 1)).count(), 1);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for message in messages(&bytes) {
                parse_error(message.payload);
            }
            parse_link(&bytes);
            parse_address(&bytes);
            parse_route(&bytes);
            parse_neighbour(&bytes);
        }
    }
}
