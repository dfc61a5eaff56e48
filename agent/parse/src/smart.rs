//! What a disk thinks of itself: the health log of NVMe, and SMART of ATA with the answers to its commands. Typed
//! from the published layouts (NVM Express base specification, ATA Command Set, SCSI/ATA Translation).

/// Bytes of the health log of NVMe.
pub const NVME_LOG: usize = 512;
/// Bytes of the table of attributes of ATA.
pub const ATA_DATA: usize = 512;

/// How a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Condition {
    /// Nothing to say.
    Good,
    /// It works, and something in it does not any more.
    Worn,
    /// It says itself that it is about to fail.
    Failing,
}

/// The health log of NVMe (log page 2); `None` where it is too short, or was never filled.
pub fn parse_nvme_log(bytes: &[u8]) -> Option<Condition> {
    let bytes = bytes.get(..NVME_LOG)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let (warning, spare, threshold, used) = (*bytes.first()?, *bytes.get(3)?, *bytes.get(4)?, *bytes.get(5)?);
    let media_errors = u128::from_le_bytes(*bytes.get(160..)?.first_chunk()?);
    // Spare blocks used up, reliability degraded, read-only, memory backup failed.
    const FAILING: u8 = 1 | 1 << 2 | 1 << 3 | 1 << 4;
    Some(if warning & FAILING != 0 {
        Condition::Failing
    } else if warning != 0 || used >= 100 || spare <= threshold || media_errors > 0 {
        Condition::Worn
    } else {
        Condition::Good
    })
}

/// The table of attributes of ATA (SMART READ DATA): whether sectors were given up or wait for it. `None` where
/// it is too short or its sum is wrong.
pub fn parse_ata_data(bytes: &[u8]) -> Option<Condition> {
    const FIRST: usize = 2;
    const LENGTH: usize = 12;
    const COUNT: usize = 30;
    /// Reallocated sectors, sectors that wait for it, sectors that cannot be corrected.
    const LOST: [u8; 3] = [5, 197, 198];
    let bytes = bytes.get(..ATA_DATA)?;
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    if sum != 0 || bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let attributes = bytes.get(FIRST..FIRST + LENGTH * COUNT)?.chunks_exact(LENGTH);
    let lost = attributes
        .filter(|attribute| attribute.first().is_some_and(|id| LOST.contains(id)))
        // Makers keep other things in the upper bytes.
        .any(|attribute| attribute.get(5..9).is_some_and(|raw| raw != [0; 4]));
    Some(if lost { Condition::Worn } else { Condition::Good })
}

/// Registers that a command of ATA left, as SCSI sense data with a descriptor hands them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtaReturn {
    count: u8,
    lba_middle: u8,
    lba_high: u8,
    status: u8,
}

impl AtaReturn {
    /// Out of sense data; `None` where no such descriptor is in it.
    pub fn parse(sense: &[u8]) -> Option<Self> {
        // Response codes 0x72 and 0x73 are followed by descriptors.
        if !matches!(sense.first()? & 0x7f, 0x72 | 0x73) {
            return None;
        }
        let length = usize::from(*sense.get(7)?);
        let mut rest = sense.get(8..)?;
        rest = rest.get(..length.min(rest.len()))?;
        while let [kind, more, ..] = rest {
            let size = 2 + usize::from(*more);
            let one = rest.get(..size)?;
            if *kind == 0x09 && size >= 14 {
                return Some(Self {
                    count: *one.get(5)?,
                    lba_middle: *one.get(9)?,
                    lba_high: *one.get(11)?,
                    status: *one.get(13)?,
                });
            }
            rest = rest.get(size..)?;
        }
        None
    }

    /// After CHECK POWER MODE: whether looking at the disk would wake it up.
    pub fn sleeps(self) -> bool {
        matches!(self.count, 0x00 | 0x01)
    }

    /// After SMART RETURN STATUS: whether the disk expects to fail. `None` where it did not answer.
    pub fn expects_to_fail(self) -> Option<bool> {
        if self.status & 1 != 0 {
            return None;
        }
        match (self.lba_middle, self.lba_high) {
            (0x4f, 0xc2) => Some(false),
            (0xf4, 0x2c) => Some(true),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nvme(fill: impl Fn(&mut [u8])) -> Option<Condition> {
        let mut log = [0u8; NVME_LOG];
        // 38 degrees, all the spare of which a tenth is needed, 3 % used, 11 hours.
        (log[1], log[2], log[3], log[4], log[5], log[128]) = (0x37, 0x01, 100, 10, 3, 11);
        fill(&mut log);
        parse_nvme_log(&log)
    }

    #[test]
    fn the_log_of_nvme_tells_the_condition() {
        assert_eq!(nvme(|_| ()), Some(Condition::Good));
        assert_eq!(nvme(|log| log[0] = 1), Some(Condition::Failing));
        assert_eq!(nvme(|log| log[0] = 8), Some(Condition::Failing));
        assert_eq!(nvme(|log| log[0] = 2), Some(Condition::Worn), "too hot");
        assert_eq!(nvme(|log| log[5] = 120), Some(Condition::Worn));
        assert_eq!(nvme(|log| log[3] = 10), Some(Condition::Worn));
        assert_eq!(nvme(|log| log[160] = 1), Some(Condition::Worn));
        assert_eq!(nvme(|log| log.fill(0)), None);
        assert_eq!(parse_nvme_log(&[1; 100]), None);
    }

    fn ata(rows: &[(u8, u8)]) -> Vec<u8> {
        let mut data = vec![0u8; ATA_DATA];
        data[0] = 16;
        for (index, (id, raw)) in rows.iter().enumerate() {
            let at = 2 + index * 12;
            (data[at], data[at + 3], data[at + 4], data[at + 5]) = (*id, 100, 100, *raw);
        }
        let sum = data.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        data[511] = sum.wrapping_neg();
        data
    }

    #[test]
    fn lost_sectors_of_ata_are_seen_and_a_wrong_sum_is_refused() {
        assert_eq!(
            parse_ata_data(&ata(&[(9, 200), (5, 0), (197, 0)])),
            Some(Condition::Good)
        );
        assert_eq!(
            parse_ata_data(&ata(&[(9, 200), (5, 0), (197, 8)])),
            Some(Condition::Worn)
        );
        let mut wrong = ata(&[(5, 0)]);
        wrong[300] = 1;
        assert_eq!(parse_ata_data(&wrong), None);
        assert_eq!(parse_ata_data(&[0; ATA_DATA]), None);
    }

    /// Sense data as SAT lays it out: heading, then the descriptor of 14 bytes.
    fn sense(count: u8, middle: u8, high: u8, status: u8) -> Vec<u8> {
        let mut sense = vec![0x72, 0x01, 0x00, 0x1d, 0, 0, 0, 14, 0x09, 12];
        sense.extend([0, 0, 0, count, 0, 0, 0, middle, 0, high, 0xa0, status]);
        sense
    }

    #[test]
    fn the_answers_of_ata_commands_are_read_out_of_sense_data() {
        let answer = |bytes: &[u8]| AtaReturn::parse(bytes).unwrap();
        assert_eq!(answer(&sense(0, 0x4f, 0xc2, 0x50)).expects_to_fail(), Some(false));
        assert_eq!(answer(&sense(0, 0xf4, 0x2c, 0x50)).expects_to_fail(), Some(true));
        assert_eq!(answer(&sense(0, 0, 0, 0x50)).expects_to_fail(), None);
        assert_eq!(
            answer(&sense(0, 0x4f, 0xc2, 0x51)).expects_to_fail(),
            None,
            "refused"
        );
        assert!(answer(&sense(0, 0, 0, 0x50)).sleeps());
        assert!(!answer(&sense(0xff, 0, 0, 0x50)).sleeps());
        // Fixed sense data has no place for them.
        assert_eq!(AtaReturn::parse(&[0x70; 18]), None);
        assert_eq!(AtaReturn::parse(&[]), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), first in prop::sample::select(vec![0x72u8, 0x73, 0xf2])) {
            parse_nvme_log(&bytes);
            parse_ata_data(&bytes);
            AtaReturn::parse(&bytes);
            let mut sense = bytes;
            if let Some(slot) = sense.first_mut() {
                *slot = first;
            }
            AtaReturn::parse(&sense);
        }
    }
}
