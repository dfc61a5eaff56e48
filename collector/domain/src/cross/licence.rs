//! Licensed titles that more PCs have than were paid for (PC 3.1.4.3 c). The organisation holds the finding: which
//! of the PCs is one too many nobody can say.

use super::{Breach, Seen};
use crate::{model::Holder, port::Picture};

pub(super) fn overused(title: &str, picture: &Picture) -> Vec<Breach> {
    let Some(used) = picture.licences.iter().find(|used| used.licence.title == title) else {
        return Vec::new();
    };
    let (count, seats) = (used.count, used.licence.seats);
    if count <= seats {
        return Vec::new();
    }
    let seen = Seen::new(
        format!("{title} 安装在 {count} 台电脑上，只购买了 {seats} 份授权"),
        format!("{title} is installed on {count} PCs, but {seats} seats were paid for"),
    )
    .with("title", title)
    .with("count", count)
    .with("limit", seats)
    .with("installed_on_pcs", used.by.clone());
    vec![Breach {
        holder: Holder::Organisation,
        name: title.to_owned(),
        seen,
    }]
}
