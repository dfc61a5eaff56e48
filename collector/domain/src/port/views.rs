//! What pages, the command line and the API read. Rows are typed; words are chosen by the reader.

use deskwarden_proto::{
    ids::DeviceId,
    v1::{Look, Section},
};

use crate::model::{
    Asset, AssetId, BaselineItem, Change, Device, DhcpRange, Evidence, Finding, FindingHistory, FindingId,
    FindingState, LedgerEntry, Millis, OutcomeRow, Record, Severity, Sight, SourceStatus, StoredItem,
};

use crate::trend::{Machine, Span};

use super::StoreResult;

/// A window of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Rows to skip.
    pub offset: u64,
    /// Rows to return, at most 1,000.
    pub limit: u32,
}

/// A window of a list, with the size of the whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Size of the whole list.
    pub total: u64,
}

/// Which findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindingFilter {
    /// In one of these states; empty: any.
    pub states: Vec<FindingState>,
    /// Of this asset.
    pub asset: Option<AssetId>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this clause (`PC 3.2.4`).
    pub clause: Option<String>,
    /// Where some rule proves a breach of that clause although its findings cite another: all that prove one, which
    /// are asked for instead ([`crate::rules::RuleSet::proving`]).
    pub proving: Vec<String>,
    /// At least this bad.
    pub severity: Option<Severity>,
    /// Words to find in subject, asset name, number, custodian, department.
    pub text: Option<String>,
    /// Only what the reader sees.
    pub sight: Sight,
    /// Only rows below this id, newest first instead of worst first: how exports and the API go on.
    pub before: Option<i64>,
}

/// A finding in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingRow {
    /// The finding.
    pub finding: Finding,
    /// Row id.
    pub id: FindingId,
    /// Its asset, if the holder is one.
    pub asset: Option<Asset>,
}

/// A finding with everything that hangs on it.
#[derive(Clone, Debug, PartialEq)]
pub struct FindingDetail {
    /// The finding and its asset.
    pub row: FindingRow,
    /// Current device of the asset.
    pub device: Option<Device>,
    /// What shows it now.
    pub evidence: Vec<Evidence>,
    /// Its life, oldest first.
    pub history: Vec<FindingHistory>,
}

/// Which assets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssetFilter {
    /// Words to find in name, number, custodian, department, host name, IP, MAC or serial claims.
    pub text: Option<String>,
    /// Only those with active findings.
    pub flagged: bool,
    /// Of this department.
    pub department: Option<String>,
    /// Only those that nobody heard of since then although nobody said goodbye.
    pub silent_since: Option<Millis>,
    /// Only these; at most 1,000.
    pub among: Option<Vec<AssetId>>,
    /// Only what the reader sees.
    pub sight: Sight,
    /// Only rows below this id, newest first instead of flagged first: how exports and the API go on.
    pub before: Option<i64>,
}

/// Which devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Only those of assets that the reader sees.
    pub sight: Sight,
    /// Only those enrolled before this one: how exports and the API go on.
    pub before: Option<DeviceId>,
}

/// An asset in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct AssetRow {
    /// The asset.
    pub asset: Asset,
    /// Its current device.
    pub device: Option<Device>,
    /// Active findings by severity: low, medium, high, critical.
    pub findings: [u64; 4],
    /// Addresses that its device claims.
    pub addresses: Vec<String>,
}

/// A device with its facts.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceDetail {
    /// The device.
    pub device: Device,
    /// Its asset.
    pub asset: Asset,
    /// Its sources.
    pub sources: Vec<SourceStatus>,
    /// Number of items per section.
    pub counts: Vec<(Section, u64)>,
    /// Outcomes of all rules.
    pub outcomes: Vec<OutcomeRow>,
    /// Ledger entries of the asset.
    pub ledger: Vec<LedgerEntry>,
}

/// An item in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemRow {
    /// The item.
    pub item: StoredItem,
    /// What was accepted for it, where its section has a baseline.
    pub baseline: Option<BaselineItem>,
}

/// A line of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangeRow {
    /// Row id, descending in lists.
    pub id: i64,
    /// The change.
    pub change: Change,
}

/// A source that could not be read completely, over all devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRow {
    /// Section.
    pub section: Section,
    /// Source.
    pub source: String,
    /// How it was looked at.
    pub look: Look,
    /// On how many current devices.
    pub devices: u64,
}

/// How many assets a rule judged how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCount {
    /// Id of the rule.
    pub rule: String,
    /// Assets that pass.
    pub pass: u64,
    /// Assets that fail.
    pub fail: u64,
    /// Assets where it could not look.
    pub could_not_look: u64,
    /// Active findings.
    pub findings: u64,
}

/// Assets of a department, and how many of them have no active finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compliance {
    /// The department; `None` for assets of none.
    pub department: Option<String>,
    /// Assets that report.
    pub assets: u64,
    /// Of them, without an active finding.
    pub compliant: u64,
}

impl Compliance {
    /// The rate in tenths of a percent; a department without assets complies.
    pub const fn per_mille(&self) -> u64 {
        if self.assets == 0 {
            return 1000;
        }
        self.compliant.saturating_mul(1000) / self.assets
    }
}

/// A fact that several devices have alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCount {
    /// The facet, as received.
    pub facet: deskwarden_proto::Bytes,
    /// Current devices that have it.
    pub devices: u64,
}

/// Number of a facet, which several devices share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FacetId(pub i64);

/// What the current device of an asset has of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The asset.
    pub asset: AssetId,
    /// Its department.
    pub department: Option<String>,
    /// Its facets, each once, by number.
    pub facets: Vec<FacetId>,
}

/// How the store is, and when somebody reported last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Size of the database in bytes.
    pub bytes: u64,
    /// The newest report of any device.
    pub last_report_at: Option<Millis>,
    /// Devices that reported since the given time.
    pub heard: u64,
    /// Generation of rules, catalogue and policy in force.
    pub generation: i64,
}

/// Active agents of one version on one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentCount {
    /// Version of the agent.
    pub version: String,
    /// Its system.
    pub platform: String,
    /// Current devices that have it.
    pub devices: u64,
    /// Of them, those that reported since the given time.
    pub reporting: u64,
    /// Of the others, those that said goodbye before.
    pub off: u64,
    /// Of the others, those that said nothing.
    pub silent: u64,
    /// When one of them was seen last.
    pub last_seen_at: Option<Millis>,
}

/// Numbers of the first page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Assets, all.
    pub assets: u64,
    /// Assets with a number in the register.
    pub registered: u64,
    /// Assets whose current device was seen since the given time.
    pub reporting: u64,
    /// Assets with at least one active finding.
    pub flagged: u64,
    /// Active findings by severity: low, medium, high, critical.
    pub findings: [u64; 4],
    /// Findings opened since the given time.
    pub opened_recently: u64,
    /// Devices waiting for approval.
    pub pending_devices: u64,
    /// Alerts that no channel took.
    pub dead_deliveries: u64,
}

/// What needs attention beside what is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// Findings whose notice was due and that are not over.
    pub overdue: u64,
    /// Assets whose device says nothing, although it did not say goodbye.
    pub silent: u64,
    /// Assets with a number in the register whose device reports.
    pub registered_reporting: u64,
}

/// Reading for people.
pub trait Views {
    /// Numbers of the first page for a reader; `since` bounds "reporting" and "recently".
    fn overview(&self, since: Millis, sight: &Sight) -> StoreResult<Overview>;

    /// What needs attention of a reader; `since` bounds "silent" and "reporting".
    fn attention(&self, now: Millis, since: Millis, sight: &Sight) -> StoreResult<Attention>;

    /// Machines that are judged.
    fn machines(&self) -> StoreResult<Vec<Machine>>;

    /// Times in which findings about machines were active, of those that are or that changed since then.
    fn spans(&self, since: Millis) -> StoreResult<Vec<Span>>;

    /// Findings, worst and newest first.
    fn findings(&self, filter: &FindingFilter, paging: Paging) -> StoreResult<Page<FindingRow>>;

    /// One finding.
    fn finding(&self, id: FindingId) -> StoreResult<Option<FindingDetail>>;

    /// Assets, flagged first, then by name.
    fn assets(&self, filter: &AssetFilter, paging: Paging) -> StoreResult<Page<AssetRow>>;

    /// One asset with its devices, newest first.
    fn asset(&self, id: AssetId) -> StoreResult<Option<(AssetRow, Vec<Device>)>>;

    /// A device with sources and outcomes.
    fn device_detail(&self, id: DeviceId) -> StoreResult<Option<DeviceDetail>>;

    /// All devices, newest first.
    fn devices(&self, filter: &DeviceFilter, paging: Paging) -> StoreResult<Page<(Device, Asset)>>;

    /// Items of a section of a device, by key.
    fn items(&self, device: DeviceId, section: Section, paging: Paging) -> StoreResult<Page<ItemRow>>;

    /// Timeline of a device, newest first; of one section if given.
    fn changes(
        &self,
        device: DeviceId,
        section: Option<Section>,
        paging: Paging,
    ) -> StoreResult<Page<ChangeRow>>;

    /// Gaps of a device, newest first: (receive time, section, records, reason).
    fn gaps(&self, device: DeviceId, limit: usize) -> StoreResult<Vec<(Millis, Section, u64, String)>>;

    /// Records that devices lost since then before they could send them: device, its asset's number and name,
    /// how many; looks at the newest `limit` gaps.
    fn lost_since(&self, since: Millis, limit: usize) -> StoreResult<Vec<(DeviceId, String, u64)>>;

    /// Facets of a section on current devices, of one department if given, with how many devices have each.
    fn facet_counts(&self, section: Section, department: Option<&str>) -> StoreResult<Vec<FacetCount>>;

    /// What current devices have of a section, by asset, of those after `after`; empty at the end.
    fn holdings(&self, section: Section, after: AssetId, limit: u32) -> StoreResult<Vec<Holding>>;

    /// Facets by their numbers, as received; a number that is not there is left out.
    fn facets(&self, ids: &[FacetId]) -> StoreResult<Vec<(FacetId, deskwarden_proto::Bytes)>>;

    /// How the store is; `since` bounds the devices that are counted as heard.
    fn condition(&self, since: Millis) -> StoreResult<Condition>;

    /// Agents of current devices by version and system, most devices first; `since` bounds "reporting".
    fn agents(&self, since: Millis) -> StoreResult<Vec<AgentCount>>;

    /// Counts per rule.
    fn rule_counts(&self) -> StoreResult<Vec<RuleCount>>;

    /// How often there is a record of each kind that is kept.
    fn record_counts(&self) -> StoreResult<Vec<(Record, u64)>>;

    /// How departments comply, worst first; assets of none come last.
    fn departments(&self) -> StoreResult<Vec<Compliance>>;

    /// Sources that could not be read, most devices first.
    fn blind_sources(&self, limit: usize) -> StoreResult<Vec<SourceRow>>;

    /// Registers an asset: sets number, name, custodian, department, state; makes it when `id` is `None`.
    /// Raises the asset's version and makes it due.
    fn put_asset(&self, asset: &Asset, make: bool, audit: &crate::model::AuditEntry) -> StoreResult<AssetId>;

    /// Inserts or replaces a ledger entry by its address, and makes the assets that it touches due.
    fn put_ledger_entry(&self, entry: &LedgerEntry, audit: &crate::model::AuditEntry) -> StoreResult<()>;

    /// The IP ledger, by address.
    fn ledger(&self, paging: Paging) -> StoreResult<Page<LedgerEntry>>;

    /// Puts and removes entries in one transaction, and makes what they touch due. One line of the audit log
    /// for all.
    fn edit_ledger(
        &self,
        put: &[LedgerEntry],
        remove: &[String],
        audit: &crate::model::AuditEntry,
    ) -> StoreResult<()>;

    /// Addresses that DHCP servers hand out, by first address.
    fn dhcp_ranges(&self) -> StoreResult<Vec<DhcpRange>>;

    /// Replaces them.
    fn put_dhcp_ranges(&self, ranges: &[DhcpRange], audit: &crate::model::AuditEntry) -> StoreResult<()>;
}
