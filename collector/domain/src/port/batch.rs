//! The one way to change the store: a list of operations, applied in order in one transaction.

use std::time::Duration;

use deskwarden_proto::{
    decode::{ItemId, ItemPut, SourceReport},
    ids::DeviceId,
    v1::{self, Section},
};

use crate::model::{
    Alert, AssetId, AuditEntry, BaselineItem, Change, Claim, ClaimKind, Evidence, Finding, FindingHistory,
    FindingId, FindingKey, Millis, Notice, NoticeReply, OutcomeRow, Position,
};

/// A list of operations and what must still hold when they are applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Generation that was judged under; `None` when nothing was judged.
    pub generation: Option<i64>,
    /// Versions of the assets that were loaded.
    pub assets: Vec<(AssetId, i64)>,
    /// Stream positions that were loaded: (device, epoch, next sequence). Another writer may have moved them.
    pub positions: Vec<(DeviceId, u64, u64)>,
    /// Versions of findings that a person's action was decided on.
    pub findings: Vec<(FindingId, i64)>,
    /// What to do.
    pub ops: Vec<Op>,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The stream of a device moved.
    Position {
        /// The device.
        device: DeviceId,
        /// Where it stands now.
        position: Position,
    },
    /// Something of the device arrived.
    Seen {
        /// The device.
        device: DeviceId,
        /// Receive time.
        at: Millis,
        /// It said goodbye with this.
        goodbye: bool,
    },
    /// A hello: hints and version of the agent.
    Hello {
        /// The device.
        device: DeviceId,
        /// Version of the agent.
        agent_version: String,
        /// Platform.
        platform: String,
        /// Hints.
        hints: v1::HostHints,
    },
    /// Two installations spoke for the device, or a person settled that.
    Forked {
        /// The device.
        device: DeviceId,
        /// Receive time; `None` once it is settled.
        at: Option<Millis>,
    },
    /// An item new or changed.
    PutItem {
        /// The device.
        device: DeviceId,
        /// The item, bytes as received.
        put: ItemPut,
        /// Receive time.
        at: Millis,
    },
    /// An item gone.
    RemoveItem {
        /// The device.
        device: DeviceId,
        /// Its identity.
        id: ItemId,
    },
    /// A line of the timeline.
    Change(Change),
    /// A source state. `looked_at` is set when this is the first complete look at it.
    Source {
        /// The device.
        device: DeviceId,
        /// The state.
        report: SourceReport,
        /// Receive time.
        at: Millis,
        /// Time of the first complete look, kept once set.
        first_looked_at: Option<Millis>,
    },
    /// Digest and number of items of a section.
    Sum {
        /// The device.
        device: DeviceId,
        /// The section.
        section: Section,
        /// Wrapping sum.
        digest: u128,
        /// Items.
        count: u64,
    },
    /// A chunk that waits for the rest.
    Stage {
        /// The device.
        device: DeviceId,
        /// The section.
        section: Section,
        /// The agent's name for the snapshot.
        snapshot_id: [u8; 16],
        /// Position.
        index: u32,
        /// The record's payload.
        payload: Vec<u8>,
    },
    /// The staged chunks of a section are no longer needed.
    Unstage {
        /// The device.
        device: DeviceId,
        /// The section.
        section: Section,
    },
    /// Something that happened. Put once per (device, id).
    Event {
        /// The device.
        device: DeviceId,
        /// The event.
        event: v1::Event,
        /// Receive time.
        at: Millis,
    },
    /// A gauge.
    Sample {
        /// The device.
        device: DeviceId,
        /// The sample.
        sample: v1::Sample,
        /// Receive time.
        at: Millis,
    },
    /// Something was lost on the PC before it could be sent.
    Gap {
        /// The device.
        device: DeviceId,
        /// What.
        gap: v1::Gap,
        /// Receive time.
        at: Millis,
    },
    /// The baseline of a source is seeded: from now on a difference is a change.
    Seeded {
        /// The asset.
        asset: AssetId,
        /// The section.
        section: Section,
        /// The source.
        source: String,
    },
    /// An item is accepted.
    PutBaseline {
        /// The asset.
        asset: AssetId,
        /// The item as accepted.
        item: BaselineItem,
    },
    /// An item's absence is accepted.
    RemoveBaseline {
        /// The asset.
        asset: AssetId,
        /// Its identity.
        id: ItemId,
    },
    /// Evidence new or changed; unique by (asset, rule, subject, item).
    PutEvidence(Evidence),
    /// Evidence gone.
    RemoveEvidence {
        /// The asset.
        asset: AssetId,
        /// Rule.
        rule: String,
        /// Subject.
        subject: String,
        /// The item; `None` for the asset itself.
        item: Option<ItemId>,
    },
    /// Outcome of a rule on an asset.
    Outcome {
        /// The asset.
        asset: AssetId,
        /// The row.
        row: OutcomeRow,
    },
    /// The rule is no longer in force.
    RemoveOutcome {
        /// The asset.
        asset: AssetId,
        /// Id of the rule.
        rule: String,
    },
    /// A finding new or changed, by its natural key. The store raises the version.
    PutFinding(Finding),
    /// A step in the life of a finding.
    History {
        /// Natural key of the finding.
        finding: FindingKey,
        /// The step.
        step: FindingHistory,
    },
    /// Somebody is to be told. One row in the outbox.
    Alert(Alert),
    /// Replaces the claims that an item of a device made.
    Claims {
        /// The device.
        device: DeviceId,
        /// Key of the item.
        item_key: String,
        /// What it claims now; empty when it is gone.
        claims: Vec<Claim>,
    },
    /// Replaces the claims that an accepted item makes for its asset.
    Accepted {
        /// The asset.
        asset: AssetId,
        /// The item, as [`crate::claim::key_of`] names it.
        item_key: String,
        /// What it claims; empty when it is no longer accepted.
        claims: Vec<Claim>,
    },
    /// The values that an accepted item has claimed so far are to be looked at.
    TouchAccepted {
        /// The asset.
        asset: AssetId,
        /// The item.
        item_key: String,
    },
    /// What several devices claim about a value is to be looked at.
    Touch {
        /// What it is about.
        kind: ClaimKind,
        /// The value.
        value: String,
        /// Not before; 0 for at once.
        at: Millis,
    },
    /// The device reports again after it was gone: what it shares with others is to be looked at.
    Returned {
        /// The device.
        device: DeviceId,
    },
    /// These touches were looked at. Refused as stale when somebody else did so meanwhile.
    Looked {
        /// Their row ids.
        ids: Vec<i64>,
    },
    /// The asset was judged.
    Judged {
        /// The asset.
        asset: AssetId,
        /// Under this generation.
        generation: i64,
        /// When it must be judged again without a report.
        wake_at: Option<Millis>,
    },
    /// The asset must be judged again as soon as possible: something that judging reads was edited.
    Due {
        /// The asset.
        asset: AssetId,
    },
    /// A notice is issued. Refused as stale when its number was taken meanwhile.
    IssueNotice(Box<Notice>),
    /// The addressee said something to it.
    NoticeReply {
        /// Its number.
        number: String,
        /// What was said.
        reply: NoticeReply,
    },
    /// A notice is filed. Refused as stale when that was done meanwhile.
    CloseNotice {
        /// Its number.
        number: String,
        /// When.
        at: Millis,
        /// Who.
        by: String,
        /// In the person's words.
        note: String,
    },
    /// A line of the audit log.
    Audit(AuditEntry),
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Findings written, with their row ids, in the order of the batch.
    pub findings: Vec<(FindingKey, FindingId)>,
    /// Alerts queued.
    pub alerts: Vec<i64>,
    /// How long it took from the last statement until all was durable.
    pub durable: Duration,
}
