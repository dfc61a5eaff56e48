//! Filters of lists that people keep under a name, each for themselves.

use crate::model::SavedView;

use super::StoreResult;

/// What became of a view that somebody wanted to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// It is kept.
    Saved,
    /// They have one of that name for this list already.
    Taken,
    /// They have as many as they may have for this list.
    Full,
}

/// Views that people keep.
pub trait SavedViews {
    /// Somebody's views of a list, by name.
    fn saved_views(&self, user_id: i64, list: &str) -> StoreResult<Vec<SavedView>>;

    /// Keeps a view, unless its name is taken or there are `most` for its list already.
    fn save_view(&self, user_id: i64, view: &SavedView, most: u64) -> StoreResult<Saving>;

    /// Forgets a view of somebody; whether they had it.
    fn forget_view(&self, user_id: i64, id: i64) -> StoreResult<bool>;
}
