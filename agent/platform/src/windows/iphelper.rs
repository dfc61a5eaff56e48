//! Questions to the IP helper library: adapters, neighbours, and sockets with their owners. Gives the answers as what
//! they say; decides nothing.

use std::ffi::c_void;

use deskwarden_parse::iphelper::{
    Adapter, Neighbour, Socket, parse_adapters, parse_neighbours, parse_tcp4, parse_tcp6, parse_udp4,
    parse_udp6,
};
use windows_sys::Win32::{
    Foundation::{ERROR_BUFFER_OVERFLOW, ERROR_INSUFFICIENT_BUFFER, ERROR_NO_DATA, ERROR_SUCCESS},
    NetworkManagement::IpHelper::{
        GAA_FLAG_INCLUDE_GATEWAYS, GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_MULTICAST, MIB_IF_ROW2,
        MIB_IPNET_TABLE2,
    },
};

use super::{dll::functions, fault};
use crate::Unavailable;

functions! {
    "iphlpapi.dll":
        fn GetAdaptersAddresses(u32, u32, *mut c_void, *mut u8, *mut u32) -> u32;
        fn GetIfEntry2(*mut MIB_IF_ROW2) -> u32;
        fn GetIpNetTable2(u16, *mut *mut MIB_IPNET_TABLE2) -> u32;
        fn FreeMibTable(*const c_void);
        fn GetExtendedTcpTable(*mut u8, *mut u32, i32, u32, i32, u32) -> u32;
        fn GetExtendedUdpTable(*mut u8, *mut u32, i32, u32, i32, u32) -> u32;
}

const ANY: u32 = 0;
const INET: u32 = 2;
const INET6: u32 = 23;
const ALL_WITH_OWNER: i32 = 5;
const UDP_WITH_OWNER: i32 = 1;
/// Largest answer that is taken.
const MAX_ANSWER: u32 = 16 << 20;
/// A table may grow between the question for its size and that for its rows.
const TRIES: u32 = 8;

/// Every adapter, also those that are not connected.
pub(super) fn adapters() -> Result<Vec<Adapter>, Unavailable> {
    let ask = GetAdaptersAddresses()?;
    let flags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_INCLUDE_GATEWAYS;
    let answer = ask_with_room("GetAdaptersAddresses", |buffer, size| {
        // SAFETY: buffer and size describe memory of ours, aligned for any structure.
        #[expect(unsafe_code, reason = "a function of the system")]
        let result = unsafe { ask(ANY, flags, std::ptr::null_mut(), buffer, size) };
        result
    })?;
    Ok(answer.map_or_else(Vec::new, |answer| parse_adapters(answer.bytes(), answer.base())))
}

/// Hardware address that was burnt into an adapter, and whether there is hardware behind it.
pub(super) fn burnt_in(luid: u64) -> Result<(Vec<u8>, bool), Unavailable> {
    let ask = GetIfEntry2()?;
    let mut row = MIB_IF_ROW2::default();
    row.InterfaceLuid.Value = luid;
    // SAFETY: the row is ours, and names the adapter that is asked for.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { ask(&raw mut row) };
    if result != ERROR_SUCCESS {
        return Err(fault::unavailable("GetIfEntry2", result));
    }
    let length = usize::try_from(row.PhysicalAddressLength)
        .unwrap_or_default()
        .min(32);
    let mac = row
        .PermanentPhysicalAddress
        .get(..length)
        .unwrap_or_default()
        .to_vec();
    let hardware = row.InterfaceAndOperStatusFlags._bitfield & 1 != 0;
    let mac = if mac.iter().all(|byte| *byte == 0) {
        Vec::new()
    } else {
        mac
    };
    Ok((mac, hardware))
}

/// Neighbours of every adapter whose hardware address is known.
pub(super) fn neighbours() -> Result<Vec<Neighbour>, Unavailable> {
    let (ask, free) = (GetIpNetTable2()?, FreeMibTable()?);
    let mut table: *mut MIB_IPNET_TABLE2 = std::ptr::null_mut();
    // SAFETY: the table's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { ask(0, &raw mut table) };
    match result {
        ERROR_SUCCESS if !table.is_null() => {}
        ERROR_SUCCESS | ERROR_NO_DATA => return Ok(Vec::new()),
        result => return Err(fault::unavailable("GetIpNetTable2", result)),
    }
    // SAFETY: the system made this table, whose count stands at its begin.
    #[expect(unsafe_code, reason = "a table that the system made")]
    let count = unsafe { (*table).NumEntries };
    let length = 8 + 88 * usize::try_from(count).unwrap_or_default().min(200_000);
    // SAFETY: the table has that many rows of 88 bytes behind its head of 8, and is not freed before it was copied.
    #[expect(unsafe_code, reason = "a table that the system made")]
    let bytes = unsafe { std::slice::from_raw_parts(table.cast::<u8>(), length) }.to_vec();
    // SAFETY: the table is the system's, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    unsafe {
        free(table.cast());
    }
    Ok(parse_neighbours(&bytes))
}

/// Sockets of TCP in any state, with their owners.
pub(super) fn tcp() -> Result<Vec<Socket>, Unavailable> {
    let ask = GetExtendedTcpTable()?;
    let mut all = Vec::new();
    for (family, parse) in [
        (INET, parse_tcp4 as fn(&[u8]) -> Vec<Socket>),
        (INET6, parse_tcp6),
    ] {
        let answer = ask_with_room("GetExtendedTcpTable", |buffer, size| {
            // SAFETY: buffer and size describe memory of ours.
            #[expect(unsafe_code, reason = "a function of the system")]
            let result = unsafe { ask(buffer, size, 0, family, ALL_WITH_OWNER, 0) };
            result
        });
        all.extend(of_family(answer, family)?.map_or_else(Vec::new, |answer| parse(answer.bytes())));
    }
    Ok(all)
}

/// Sockets of UDP, with their owners.
pub(super) fn udp() -> Result<Vec<Socket>, Unavailable> {
    let ask = GetExtendedUdpTable()?;
    let mut all = Vec::new();
    for (family, parse) in [
        (INET, parse_udp4 as fn(&[u8]) -> Vec<Socket>),
        (INET6, parse_udp6),
    ] {
        let answer = ask_with_room("GetExtendedUdpTable", |buffer, size| {
            // SAFETY: buffer and size describe memory of ours.
            #[expect(unsafe_code, reason = "a function of the system")]
            let result = unsafe { ask(buffer, size, 0, family, UDP_WITH_OWNER, 0) };
            result
        });
        all.extend(of_family(answer, family)?.map_or_else(Vec::new, |answer| parse(answer.bytes())));
    }
    Ok(all)
}

/// A PC without IPv6 has no table of it.
fn of_family(
    answer: Result<Option<Answer>, Unavailable>,
    family: u32,
) -> Result<Option<Answer>, Unavailable> {
    match answer {
        Err(Unavailable::Unsupported(_)) if family == INET6 => Ok(None),
        other => other,
    }
}

/// Memory that the system wrote an answer to; eight bytes are the strictest alignment of its structures.
struct Answer {
    words: Vec<u64>,
    length: usize,
}

impl Answer {
    fn base(&self) -> u64 {
        self.words.as_ptr() as u64
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: words are initialised memory without padding, eight bytes each, and length is not above that.
        #[expect(unsafe_code, reason = "the same memory, byte by byte")]
        let bytes = unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast::<u8>(), self.length) };
        bytes
    }
}

/// Asks with more and more room; `None` when there is nothing to answer.
fn ask_with_room(what: &str, ask: impl Fn(*mut u8, *mut u32) -> u32) -> Result<Option<Answer>, Unavailable> {
    let mut room: u32 = 16 << 10;
    for _ in 0..TRIES {
        let mut words = vec![0u64; usize::try_from(room).unwrap_or_default().div_ceil(8)];
        let mut size = room;
        match ask(words.as_mut_ptr().cast(), &raw mut size) {
            ERROR_SUCCESS => {
                let length = usize::try_from(room).unwrap_or_default();
                return Ok(Some(Answer { words, length }));
            }
            ERROR_NO_DATA => return Ok(None),
            ERROR_BUFFER_OVERFLOW | ERROR_INSUFFICIENT_BUFFER if size <= MAX_ANSWER => {
                room = size.max(room.saturating_mul(2)).min(MAX_ANSWER);
            }
            result => return Err(fault::unavailable(what, result)),
        }
    }
    Err(Unavailable::Failed(format!(
        "{what}: the answer grows faster than it is read"
    )))
}
