//! A filter of a list, kept under a name.

/// One saved view. Whose it is stands where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedView {
    /// Row id; 0 for a new one.
    pub id: i64,
    /// Name of the list: `findings`.
    pub list: String,
    /// What its owner calls it.
    pub title: String,
    /// Parameters of the list's address and their values, none of them with a line break or a tabulator.
    pub filter: Vec<(String, String)>,
}
