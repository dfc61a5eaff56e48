//! The nouns of the product, as values. Vocabulary is that of the contract and of the pages.

mod about;
mod access;
mod acknowledgement;
mod admission;
mod alert;
mod api_token;
mod approval;
mod asset;
mod device;
mod finding;
mod inspection;
mod item;
mod matter;
mod note;
mod notice;
mod person;
mod record;
mod saved;
mod sight;
mod succession;
mod text;

pub use about::About;
pub use access::{
    AUDIT_FLOOR_DAYS, AuditEntry, AuditFilter, AuditRecord, Role, Session, User, Vouched, Voucher,
};
pub use acknowledgement::Acknowledgement;
pub use admission::{ADMISSION_LASTS, Admission, AdmissionToken, Checked, RuleVerdict};
pub use alert::{Alert, AlertKind, AlertRow, Delivery, DeliveryState, OPERATIONS, PackKind};
pub use api_token::{ApiScope, ApiToken};
pub use approval::{Approval, ApprovalId, ApprovalState, Grantee, Withdrawal};
pub use asset::{Asset, AssetClass, AssetId, AssetState, DhcpRange, LedgerEntry, LedgerMode};
pub use device::{Device, DeviceStatus, Position, SourceStatus, TokenId, TokenRow};
pub use finding::{
    Evidence, Finding, FindingAction, FindingHistory, FindingId, FindingKey, FindingState, Holder, Outcome,
    OutcomeRow,
};
pub use inspection::{By, Every, Gauge, Grade, Inspected, Inspection, Reassess, Tally};
pub use item::{BaselineItem, Change, ChangeKind, Claim, ClaimKind, ClaimOrigin, StoredItem, is_machine};
pub use matter::Matter;
pub use note::ClaimNote;
pub use notice::{
    Addressee, Notice, NoticeId, NoticeLine, NoticeReply, NoticeState, NoticeWords, OpenNotice,
};
pub use person::{PERSON_BEGINS, PERSON_ENDS, each_person, person};
pub use record::Record;
pub use saved::SavedView;
pub use sight::Sight;
pub use succession::{HintKind, Linked, Proposal};
pub use text::{Lang, Severity, Text};

/// Unix milliseconds, UTC.
pub type Millis = i64;
