//! The register and its books, as people edit them.

use crate::{
    model::{Asset, AssetId, AuditEntry, Millis},
    register::{AssetEdit, Book, Candidate, Row},
};

use super::{Page, Paging, StoreResult};

/// One field of an asset that somebody edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetStep {
    /// When.
    pub at: Millis,
    /// By whom.
    pub actor: String,
    /// Name of the field.
    pub field: String,
    /// Before.
    pub was: String,
    /// After.
    pub becomes: String,
}

/// What tells to which department an asset belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentFacts {
    /// The asset.
    pub asset: AssetId,
    /// Its name.
    pub name: String,
    /// What the store knows by itself.
    pub candidate: Candidate,
    /// Its operating system, an encoded facet: it names the directory.
    pub os: Option<Vec<u8>>,
}

/// Reading and editing the register.
pub trait Register {
    /// Writes assets with their serials and history in one transaction, and makes them due. Ids in their order.
    fn edit_assets(&self, edits: &[AssetEdit], audit: &AuditEntry) -> StoreResult<Vec<AssetId>>;

    /// What was edited of an asset, newest first.
    fn asset_history(&self, asset: AssetId, limit: usize) -> StoreResult<Vec<AssetStep>>;

    /// Assets that have a number, by number: a page of them, or the one of a number.
    fn registered(&self, number: Option<&str>, paging: Paging) -> StoreResult<Page<Asset>>;

    /// Serials by which assets are expected.
    fn expected_serials(&self) -> StoreResult<Vec<(AssetId, String)>>;

    /// Serials by which one asset is expected.
    fn asset_serials(&self, asset: AssetId) -> StoreResult<Vec<String>>;

    /// The rows of a book, by key. [`Book::Assets`] has none: its rows are the assets.
    fn book(&self, book: Book) -> StoreResult<Vec<Row>>;

    /// A page of the rows of a book, by key.
    fn book_page(&self, book: Book, paging: Paging) -> StoreResult<Page<Row>>;

    /// The row of a key.
    fn book_row(&self, book: Book, key: &str) -> StoreResult<Option<Row>>;

    /// Puts and removes rows in one transaction, and makes what they touch due: assets that they name, assets of
    /// the people and providers that they are about, PCs that hold a medium or a licensed title.
    fn edit_book(&self, book: Book, put: &[Row], remove: &[String], audit: &AuditEntry) -> StoreResult<()>;

    /// What tells the departments of current assets, with their names; at most `limit`.
    fn department_facts(&self, limit: usize) -> StoreResult<Vec<DepartmentFacts>>;
}
