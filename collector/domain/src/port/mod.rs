//! What the domain asks of a store. A store loads state and applies batches; it decides nothing.
//!
//! All calls are synchronous and may block: callers bring their own thread. One writer per process
//! groups batches, so that many reports share one durable commit.

mod access;
mod admissions;
mod approvals;
mod batch;
mod cross;
mod editing;
mod enrolment;
mod ingest;
mod inspections;
mod integrity;
mod notices;
mod outbox;
mod people;
mod privacy;
mod records;
mod register;
mod rulebook;
mod saved;
mod staff;
mod succession;
mod views;

pub use access::{Access, AuditFault, SignInAttempt};
pub use admissions::Admissions;
pub use approvals::{ApprovalFilter, ApprovalRow, Approvals};
pub use batch::{Applied, Batch, Op};
pub use cross::{CrossDevice, Kept, Known, Picture, Said, Touched, Used, Value};
pub use editing::{Editing, Standing};
pub use enrolment::{EnrolOutcome, EnrolRefusal, Enrolment, NewDevice};
pub use ingest::{DeviceState, Ingest, LoadRequest, Scope, StagedChunk};
pub use inspections::Inspections;
pub use integrity::{ContentLook, ContentPlace, Integrity};
pub use notices::{NoticeFilter, Notices};
pub use outbox::{AlertingKind, Definition, DeliveryFilter, Outbox};
pub use people::People;
pub use privacy::{Privacy, Rows, Subject};
pub use records::{AcceptedChange, RecordFilter, Records, Violation};
pub use register::{AssetStep, DepartmentFacts, Register};
pub use rulebook::{RuleVersion, RuleVersionState, Rulebook};
pub use saved::{SavedViews, Saving};
pub use staff::Staff;
pub use succession::Succession;
pub use views::{
    AgentCount, AssetFilter, AssetRow, Attention, ChangeRow, Compliance, Condition, DeviceDetail,
    DeviceFilter, FacetCount, FacetId, FindingDetail, FindingFilter, FindingRow, Holding, ItemRow, Overview,
    Page, Paging, RuleCount, SourceRow, Views,
};

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The batch was judged under an older generation or asset version: load and judge again.
    #[error("the rules or the asset changed meanwhile")]
    Stale,
    /// There is no such row.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The change contradicts what is stored; the text is for a person.
    #[error("{0}")]
    Conflict(String),
    /// The database holds something that this build cannot read; the text says what and where.
    #[error("{0}")]
    Damaged(String),
    /// The database is out of reach, full, or refused: try again later.
    #[error("{context}")]
    Unavailable {
        /// What was attempted, for a person.
        context: String,
        /// The driver's error.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

/// Everything that a store can do.
pub trait Store:
    Ingest
    + Editing
    + Enrolment
    + Succession
    + Rulebook
    + Access
    + People
    + Privacy
    + Staff
    + Views
    + CrossDevice
    + Outbox
    + Approvals
    + Register
    + Notices
    + Admissions
    + Inspections
    + Records
    + SavedViews
    + Integrity
{
}

impl<T> Store for T where
    T: Ingest
        + Editing
        + Enrolment
        + Succession
        + Rulebook
        + Access
        + People
        + Privacy
        + Staff
        + Views
        + CrossDevice
        + Outbox
        + Approvals
        + Register
        + Notices
        + Admissions
        + Inspections
        + Records
        + SavedViews
        + Integrity
{
}
