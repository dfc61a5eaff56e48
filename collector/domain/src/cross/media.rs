//! Removable media that are in no register (PC 3.2.7, OUT 12).

use super::{Breach, Seen};
use crate::{
    model::{ClaimKind, ClaimOrigin, Holder, Millis},
    moment::day_text,
    port::Picture,
};

/// How long a medium that is not plugged in any more is a matter: what was used years ago is history.
const RECENT: Millis = 30 * 86_400_000;

/// Each PC that uses the medium, or did lately.
pub(super) fn unregistered(serial: &str, picture: &Picture) -> Vec<Breach> {
    if picture.media.contains(serial) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for said in picture.of(ClaimKind::Media, serial) {
        let (ClaimOrigin::Own, Some(asset)) = (said.origin, said.asset) else {
            continue;
        };
        if said.note.at.is_some_and(|at| is_history(at, picture.at)) {
            continue;
        }
        let (name, pc) = (said.note.name.as_str(), picture.name(asset));
        let shown = format!("{name} {serial}").trim().to_owned();
        let (zh, en) = match said.note.at {
            None => (
                format!("{pc} 正在使用未登记的移动介质 {shown}"),
                format!("{pc} uses the removable medium {shown}, which is in no register"),
            ),
            Some(at) => {
                let day = day_text(at.saturating_sub(1));
                (
                    format!("{pc} 曾使用未登记的移动介质 {shown}，最近一次约在 {day}"),
                    format!(
                        "{pc} used the removable medium {shown}, which is in no register, until about {day}"
                    ),
                )
            }
        };
        found.push(Breach {
            holder: Holder::Asset(asset),
            name: shown,
            seen: Seen::new(zh, en).with("serial", serial).with("medium", name),
        });
    }
    found
}

/// When time alone ends a breach.
pub(super) fn again(serial: &str, picture: &Picture) -> Option<Millis> {
    let said = picture.of(ClaimKind::Media, serial);
    let ends = said
        .iter()
        .filter_map(|said| said.note.at)
        .map(|at| at.saturating_add(RECENT));
    ends.filter(|end| *end >= picture.at)
        .min()
        .map(|end| end.saturating_add(1))
}

const fn is_history(at: Millis, now: Millis) -> bool {
    now.saturating_sub(at) > RECENT
}
