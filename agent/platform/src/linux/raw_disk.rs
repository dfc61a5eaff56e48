//! Questions that only the disk itself can answer, sent through the kernel: the health log of NVMe, SMART of ATA.
//! All of them read. Needs the rights of an administrator. Knows no fact.

use std::os::fd::{AsFd, OwnedFd};

use deskwarden_parse::smart::{ATA_DATA, AtaReturn, Condition, NVME_LOG, parse_ata_data, parse_nvme_log};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    ioctl::{Opcode, Updater, ioctl},
};

/// `NVME_IOCTL_ADMIN_CMD`.
const NVME_ADMIN: Opcode = 0xc048_4e41;
/// `SG_IO`.
const SG_IO: Opcode = 0x2285;
const TIMEOUT_MS: u32 = 5_000;

/// What a disk answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its condition.
    Condition(Condition),
    /// It sleeps, and is not woken up for this.
    Sleeps,
    /// It has no such forecast.
    None,
}

/// Asks a disk by the kernel's name of it.
pub(super) fn ask(name: &str) -> Result<Answer, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let disk = open(format!("/dev/{name}"), flags, Mode::empty())?;
    if name.starts_with("nvme") {
        nvme(&disk)
    } else {
        ata(&disk)
    }
}

/// As `linux/nvme_ioctl.h` lays it out.
#[repr(C)]
#[derive(Default)]
struct NvmeCommand {
    opcode: u8,
    flags: u8,
    reserved: u16,
    namespace: u32,
    command_2: u32,
    command_3: u32,
    metadata: u64,
    data: u64,
    metadata_length: u32,
    data_length: u32,
    command_10: u32,
    command_11_to_15: [u32; 5],
    timeout_ms: u32,
    result: u32,
}

fn nvme(disk: &OwnedFd) -> Result<Answer, Errno> {
    const GET_LOG_PAGE: u8 = 0x02;
    const HEALTH: u32 = 0x02;
    /// In words of four bytes, less one.
    const WORDS: u32 = (NVME_LOG / 4 - 1) as u32;
    let mut log = [0u8; NVME_LOG];
    let mut command = NvmeCommand {
        opcode: GET_LOG_PAGE,
        namespace: u32::MAX,
        data: log.as_mut_ptr().expose_provenance() as u64,
        data_length: NVME_LOG as u32,
        command_10: WORDS << 16 | HEALTH,
        timeout_ms: TIMEOUT_MS,
        ..NvmeCommand::default()
    };
    nvme_admin(disk, &mut command)?;
    Ok(parse_nvme_log(&log).map_or(Answer::None, Answer::Condition))
}

#[expect(
    unsafe_code,
    reason = "no library asks a disk for its health without a command of its own"
)]
fn nvme_admin(disk: &OwnedFd, command: &mut NvmeCommand) -> Result<(), Errno> {
    // SAFETY: the operation takes this structure; `data` names `data_length` bytes that outlive the call.
    unsafe { ioctl(disk.as_fd(), Updater::<NVME_ADMIN, NvmeCommand>::new(command)) }
}

/// As `scsi/sg.h` lays it out.
#[repr(C)]
struct ScsiCommand {
    interface: i32,
    direction: i32,
    command_length: u8,
    max_sense: u8,
    scattered: u16,
    data_length: u32,
    data: *mut u8,
    command: *const u8,
    sense: *mut u8,
    timeout_ms: u32,
    flags: u32,
    packet: i32,
    user: *mut u8,
    status: u8,
    masked_status: u8,
    message_status: u8,
    sense_written: u8,
    host_status: u16,
    driver_status: u16,
    left: i32,
    duration: u32,
    info: u32,
}

const SENSE: usize = 64;
/// ATA PASS-THROUGH (16): no data and the registers in the sense data, or one block of data from the disk.
const REGISTERS: (u8, u8) = (3 << 1, 0x20);
const BLOCK: (u8, u8) = (4 << 1, 0x0e);

fn ata(disk: &OwnedFd) -> Result<Answer, Errno> {
    const CHECK_POWER_MODE: u8 = 0xe5;
    const SMART: u8 = 0xb0;
    const READ_DATA: u8 = 0xd0;
    const RETURN_STATUS: u8 = 0xda;
    let registers = |command, feature| -> Result<Option<AtaReturn>, Errno> {
        Ok(AtaReturn::parse(&pass_through(
            disk,
            command,
            feature,
            REGISTERS,
            &mut [],
        )?))
    };
    match registers(CHECK_POWER_MODE, 0)? {
        // A bridge that does not know the way to the disk, or no disk of ATA.
        None => return Ok(Answer::None),
        Some(answer) if answer.sleeps() => return Ok(Answer::Sleeps),
        Some(_) => {}
    }
    match registers(SMART, RETURN_STATUS)?.and_then(AtaReturn::expects_to_fail) {
        Some(true) => return Ok(Answer::Condition(Condition::Failing)),
        Some(false) => {}
        None => return Ok(Answer::None),
    }
    let mut data = [0u8; ATA_DATA];
    pass_through(disk, SMART, READ_DATA, BLOCK, &mut data)?;
    let condition = parse_ata_data(&data).unwrap_or(Condition::Good);
    Ok(Answer::Condition(condition))
}

/// One command of ATA with its sense data; what the disk sends goes into `data`.
fn pass_through(
    disk: &OwnedFd,
    command: u8,
    feature: u8,
    (protocol, flags): (u8, u8),
    data: &mut [u8],
) -> Result<[u8; SENSE], Errno> {
    const NO_DATA: i32 = -1;
    const FROM_DISK: i32 = -3;
    let mut block = [0u8; 16];
    block[0] = 0x85;
    block[1] = protocol;
    block[2] = flags;
    block[4] = feature;
    block[6] = u8::from(!data.is_empty());
    // SMART answers only to these two.
    block[10] = 0x4f;
    block[12] = 0xc2;
    block[14] = command;
    let mut sense = [0u8; SENSE];
    let mut scsi = ScsiCommand {
        interface: i32::from(b'S'),
        direction: if data.is_empty() { NO_DATA } else { FROM_DISK },
        command_length: 16,
        max_sense: SENSE as u8,
        scattered: 0,
        data_length: u32::try_from(data.len()).unwrap_or_default(),
        data: data.as_mut_ptr(),
        command: block.as_ptr(),
        sense: sense.as_mut_ptr(),
        timeout_ms: TIMEOUT_MS,
        flags: 0,
        packet: 0,
        user: std::ptr::null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_written: 0,
        host_status: 0,
        driver_status: 0,
        left: 0,
        duration: 0,
        info: 0,
    };
    scsi_command(disk, &mut scsi)?;
    if scsi.host_status != 0 {
        return Err(Errno::IO);
    }
    Ok(sense)
}

#[expect(
    unsafe_code,
    reason = "no library asks a disk for its health without a command of its own"
)]
fn scsi_command(disk: &OwnedFd, command: &mut ScsiCommand) -> Result<(), Errno> {
    // SAFETY: the operation takes this structure; its pointers name as many bytes as it says, all of which
    // outlive the call.
    unsafe { ioctl(disk.as_fd(), Updater::<SG_IO, ScsiCommand>::new(command)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_are_as_large_as_the_kernel_expects() {
        // The operation's number carries the size of its structure.
        assert_eq!(size_of::<NvmeCommand>(), (NVME_ADMIN as usize >> 16) & 0x3fff);
        #[cfg(target_pointer_width = "64")]
        assert_eq!(size_of::<ScsiCommand>(), 88);
    }

    #[test]
    fn what_is_no_disk_is_refused_by_the_kernel() {
        assert!(ask("null").is_err(), "a device that knows no such question");
        assert_eq!(ask("deskwarden-none"), Err(Errno::NOENT));
    }
}
