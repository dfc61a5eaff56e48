//! Keeping notices. They are issued, answered and filed by operations of a batch; a line is over in the same
//! transaction that ends its finding, and a notice is rectified with its last line.

use crate::model::{AssetId, FindingId, Millis, Notice, NoticeReply, NoticeState};

use super::{Page, Paging, StoreResult};

/// Which notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeFilter {
    /// In this state; `None`: any.
    pub state: Option<NoticeState>,
    /// Only those that are issued and were due by then.
    pub overdue_at: Option<Millis>,
    /// With a line about this asset.
    pub asset: Option<AssetId>,
    /// Words to find in number, addressee, and what the lines say.
    pub text: Option<String>,
}

/// What people were told to put right.
pub trait Notices {
    /// Notices, newest first.
    fn notices(&self, filter: &NoticeFilter, paging: Paging) -> StoreResult<Page<Notice>>;

    /// One notice by its number, with what was said to it, oldest first.
    fn notice(&self, number: &str) -> StoreResult<Option<(Notice, Vec<NoticeReply>)>>;

    /// Numbers of the notices that a finding is part of, newest first.
    fn notices_of(&self, finding: FindingId) -> StoreResult<Vec<String>>;

    /// The next place in the sequence of a year. Two who take the same one: the second is refused as stale.
    fn next_notice(&self, year: i32) -> StoreResult<u32>;
}
