//! Tables of the IP helper library: a count, then rows of one length. A table that ends early gives the rows it has.

use std::net::{IpAddr, Ipv4Addr};

use super::{ip_of, ip4_at, ip6_at, u32_at};

/// Most rows of one table.
const MAX_ROWS: usize = 200_000;
/// A connection waits to be made.
const LISTEN: u32 = 2;
/// States of a neighbour that is only suspected or not there.
const UNREACHABLE: u32 = 0;
const INCOMPLETE: u32 = 1;

/// A socket and the process that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Own address.
    pub local: IpAddr,
    /// Own port.
    pub local_port: u16,
    /// Other side's address; unspecified where there is none.
    pub remote: IpAddr,
    /// Other side's port.
    pub remote_port: u16,
    /// Waits for connections; for UDP always.
    pub listens: bool,
    /// Process.
    pub process: u32,
}

/// A machine beside this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Number of the adapter that sees it.
    pub index: u32,
    /// Address.
    pub ip: IpAddr,
    /// Hardware address.
    pub mac: Vec<u8>,
    /// Told by hand or by a rule rather than seen.
    pub fixed: bool,
}

/// `MIB_TCPTABLE_OWNER_PID`.
pub fn parse_tcp4(bytes: &[u8]) -> Vec<Socket> {
    rows(bytes, 4, 24, |row| {
        Some(Socket {
            local: IpAddr::V4(ip4_at(row, 4)?),
            local_port: port(row, 8)?,
            remote: IpAddr::V4(ip4_at(row, 12)?),
            remote_port: port(row, 16)?,
            listens: u32_at(row, 0)? == LISTEN,
            process: u32_at(row, 20)?,
        })
    })
}

/// `MIB_TCP6TABLE_OWNER_PID`.
pub fn parse_tcp6(bytes: &[u8]) -> Vec<Socket> {
    rows(bytes, 4, 56, |row| {
        Some(Socket {
            local: IpAddr::V6(ip6_at(row, 0)?),
            local_port: port(row, 20)?,
            remote: IpAddr::V6(ip6_at(row, 24)?),
            remote_port: port(row, 44)?,
            listens: u32_at(row, 48)? == LISTEN,
            process: u32_at(row, 52)?,
        })
    })
}

/// `MIB_UDPTABLE_OWNER_PID`.
pub fn parse_udp4(bytes: &[u8]) -> Vec<Socket> {
    rows(bytes, 4, 12, |row| {
        Some(Socket {
            local: IpAddr::V4(ip4_at(row, 0)?),
            local_port: port(row, 4)?,
            remote: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            remote_port: 0,
            listens: true,
            process: u32_at(row, 8)?,
        })
    })
}

/// `MIB_UDP6TABLE_OWNER_PID`.
pub fn parse_udp6(bytes: &[u8]) -> Vec<Socket> {
    rows(bytes, 4, 28, |row| {
        Some(Socket {
            local: IpAddr::V6(ip6_at(row, 0)?),
            local_port: port(row, 20)?,
            remote: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            remote_port: 0,
            listens: true,
            process: u32_at(row, 24)?,
        })
    })
}

/// `MIB_IPNET_TABLE2`: neighbours whose hardware address is known.
pub fn parse_neighbours(bytes: &[u8]) -> Vec<Neighbour> {
    rows(bytes, 8, 88, |row| {
        let length = usize::try_from(u32_at(row, 72)?).ok()?;
        let state = u32_at(row, 76)?;
        let mac = row.get(40..40 + length.min(32))?.to_vec();
        if state == UNREACHABLE || state == INCOMPLETE || mac.is_empty() || mac.iter().all(|byte| *byte == 0)
        {
            return None;
        }
        Some(Neighbour {
            index: u32_at(row, 28)?,
            ip: ip_of(row.get(..28)?)?,
            mac,
            fixed: state == 6,
        })
    })
}

fn rows<T>(bytes: &[u8], begin: usize, length: usize, row: impl FnMut(&[u8]) -> Option<T>) -> Vec<T> {
    let count = u32_at(bytes, 0)
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_default();
    let rest = bytes.get(begin..).unwrap_or_default();
    rest.chunks_exact(length)
        .take(count.min(MAX_ROWS))
        .filter_map(row)
        .collect()
}

/// Ports stand in the order of the network, in the first half of a word.
fn port(row: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(row.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_each_table_are_read_and_a_cut_one_is_not() {
        let tcp = [
            &[2u8, 0, 0, 0][..],
            &[
                2, 0, 0, 0, 127, 0, 0, 1, 0x1f, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0,
            ],
            &[
                5, 0, 0, 0, 10, 0, 0, 7, 0xc0, 0, 0, 0, 192, 0, 2, 1, 0, 25, 0, 0, 8, 0, 0, 0,
            ],
        ]
        .concat();
        let found = parse_tcp4(&tcp);
        assert_eq!(
            (found[0].local_port, found[0].listens, found[0].process),
            (8080, true, 9)
        );
        assert_eq!((found[1].remote_port, found[1].listens), (25, false));
        assert_eq!(found[1].remote.to_string(), "192.0.2.1");
        assert_eq!(parse_tcp4(&tcp[..tcp.len() - 1]).len(), 1);
        let udp = [&[1u8, 0, 0, 0][..], &[0, 0, 0, 0, 0, 53, 0, 0, 4, 0, 0, 0]].concat();
        assert_eq!(
            (parse_udp4(&udp)[0].local_port, parse_udp4(&udp)[0].process),
            (53, 4)
        );
    }

    #[test]
    fn neighbours_without_an_answer_are_none() {
        let mut row = vec![0u8; 88];
        row[0] = 2;
        row[4..8].copy_from_slice(&[10, 0, 0, 1]);
        row[28] = 3;
        row[40..46].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
        row[72] = 6;
        let table = |state: u8| {
            let mut row = row.clone();
            row[76] = state;
            [&[1u8, 0, 0, 0, 0, 0, 0, 0][..], &row].concat()
        };
        assert!(parse_neighbours(&table(0)).is_empty() && parse_neighbours(&table(1)).is_empty());
        let found = parse_neighbours(&table(5));
        assert_eq!(
            (found[0].index, found[0].ip.to_string(), found[0].mac.len()),
            (3, "10.0.0.1".to_owned(), 6)
        );
    }

    proptest::proptest! {
        #[test]
        fn no_table_makes_it_fail(bytes in proptest::collection::vec(0u8.., 0..400)) {
            for parse in [parse_tcp4, parse_tcp6, parse_udp4, parse_udp6] {
                assert!(parse(&bytes).len() <= bytes.len() / 12);
            }
            assert!(parse_neighbours(&bytes).len() <= bytes.len() / 88);
        }
    }
}
