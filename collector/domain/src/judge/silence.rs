//! Silence of an agent. Only time in which somebody listened counts: what a collector that was down could not hear is
//! no silence. After a goodbye (shutdown, sleep) a device is away, and silent only when it is away for too long.

use crate::model::{Device, DeviceStatus, Millis};

/// Time between two heartbeats that an agent is told.
const HEARTBEAT: Millis = 600_000;
/// Three heartbeats and a minute.
pub const SILENT_AFTER: Millis = 3 * HEARTBEAT + 60_000;
/// How long a device may be away after a goodbye: two weeks of holiday.
pub const ABSENT_AFTER: Millis = 14 * 86_400_000;
/// How often a silent device is looked at, so that its return is seen even if it reports nothing new.
const LOOK_AGAIN: Millis = 5 * 60_000;

/// A time in which no collector was up: from, until.
pub type Down = (Millis, Millis);

/// From when on a device is silent, as things stand; `down` in the order of time.
pub fn silent_from(device: &Device, down: &[Down]) -> Option<Millis> {
    if device.status != DeviceStatus::Active {
        return None;
    }
    let heard = device.last_seen_at?;
    let limit = match device.goodbye_at {
        Some(goodbye) if goodbye >= heard => ABSENT_AFTER,
        _ => SILENT_AFTER,
    };
    Some(listened(heard, limit, down))
}

/// The moment at which somebody has listened for `span` since `from`; `down` in the order of time.
pub(super) fn listened(from: Millis, span: Millis, down: &[Down]) -> Millis {
    let mut end = from.saturating_add(span);
    for (began, until) in down {
        if *until > from && *began < end {
            end = end.saturating_add(until - began.max(&from));
        }
    }
    end
}

/// Whether it is silent now, and when to look again.
pub(super) fn silence(device: &Device, down: &[Down], now: Millis) -> (bool, Option<Millis>) {
    match silent_from(device, down) {
        Some(from) if from <= now => (true, Some(now.saturating_add(LOOK_AGAIN))),
        from => (false, from),
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{ids::DeviceId, v1::HostHints};

    use super::*;
    use crate::model::AssetId;

    const HOUR: Millis = 3_600_000;

    fn device(heard: Option<Millis>, goodbye: Option<Millis>) -> Device {
        Device {
            id: DeviceId::from_random([1; 16]),
            asset: AssetId(1),
            status: DeviceStatus::Active,
            current: true,
            platform: String::new(),
            agent_version: String::new(),
            hints: HostHints::default(),
            key_hash: [0; 32],
            enrolled_at: 0,
            last_seen_at: heard,
            goodbye_at: goodbye,
            certificate_ends_at: None,
            forked_at: None,
        }
    }

    #[test]
    fn three_heartbeats_and_a_minute_without_a_word_are_silence() {
        let device = device(Some(HOUR), None);
        assert_eq!(
            silence(&device, &[], HOUR + SILENT_AFTER - 1),
            (false, Some(HOUR + SILENT_AFTER))
        );
        let (silent, again) = silence(&device, &[], HOUR + SILENT_AFTER);
        assert!(
            silent && again > Some(HOUR + SILENT_AFTER),
            "and its return is looked for"
        );
        assert_eq!(SILENT_AFTER, 31 * 60_000);
    }

    #[test]
    fn a_goodbye_is_no_silence_until_the_limit_for_absence() {
        let away = device(Some(HOUR), Some(HOUR));
        assert_eq!(silent_from(&away, &[]), Some(HOUR + ABSENT_AFTER));
        let back = device(Some(2 * HOUR), Some(HOUR));
        assert_eq!(
            silent_from(&back, &[]),
            Some(2 * HOUR + SILENT_AFTER),
            "it spoke after its goodbye"
        );
    }

    #[test]
    fn time_in_which_nobody_listened_does_not_count() {
        let device = device(Some(10 * HOUR), None);
        let silent = |down: &[Down]| silent_from(&device, down).unwrap() - 10 * HOUR;
        assert_eq!(silent(&[(HOUR, 2 * HOUR)]), SILENT_AFTER, "before it was heard");
        assert_eq!(silent(&[(10 * HOUR + 1, 15 * HOUR + 1)]), SILENT_AFTER + 5 * HOUR);
        assert_eq!(
            silent(&[(9 * HOUR, 11 * HOUR)]),
            SILENT_AFTER + HOUR,
            "heard by the last breath of a collector"
        );
        let twice = [
            (10 * HOUR + 1, 11 * HOUR + 1),
            (11 * HOUR + 60_001, 12 * HOUR + 60_001),
        ];
        assert_eq!(silent(&twice), SILENT_AFTER + 2 * HOUR);
        assert_eq!(
            silent(&[(20 * HOUR, 30 * HOUR)]),
            SILENT_AFTER,
            "after it was silent already"
        );
    }

    #[test]
    fn who_never_reported_or_may_not_is_not_silent() {
        assert_eq!(silent_from(&device(None, None), &[]), None);
        let mut revoked = device(Some(HOUR), None);
        revoked.status = DeviceStatus::Revoked;
        assert_eq!(silent_from(&revoked, &[]), None);
    }
}
