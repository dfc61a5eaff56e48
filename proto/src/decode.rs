//! From bytes that an agent sent to values that the domain may trust: every bound is checked before
//! anything is converted, every enum is one that this build knows, every text is printable.

use prost::{Message as _, bytes::Bytes};

use crate::{
    describe::{Describe, FieldDoc, Visitor},
    digest,
    limits::{
        CHUNKS, ENTRIES_PER_RECORD, FACET_BYTES, KEY_BYTES, LIST_VALUES, LOCAL_BYTES, PRINCIPAL_BYTES,
        REASON_BYTES, RECORD_BYTES, SOURCE_BYTES, TEXT_BYTES,
    },
    v1::{self, Look, Section, facet},
};

/// Why a payload was refused. Names the field, never quotes the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes are not the message that they should be.
    #[error("{0} cannot be decoded")]
    Encoding(&'static str),
    /// Too long or too many.
    #[error("{what} exceeds its limit of {limit}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit in bytes or entries.
        limit: usize,
    },
    /// A number that this contract does not define.
    #[error("{0} has a value that this contract does not define")]
    Unknown(&'static str),
    /// A control character where names and reasons stand.
    #[error("{0} contains control characters")]
    Control(&'static str),
    /// A part that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The facet is of another section than the item claims.
    #[error("a facet of section {found} stands in section {claimed}")]
    WrongSection {
        /// What the item says.
        claimed: &'static str,
        /// What the facet is.
        found: &'static str,
    },
}

/// Identity of an item on a device.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemId {
    /// Kind of fact.
    pub section: Section,
    /// Where it was read.
    pub source: String,
    /// Key within the section, as [`crate::key`] builds it.
    pub key: String,
    /// SID or uid, or empty for the machine.
    pub principal: String,
}

/// An item to store: its bytes as received, and its digest.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemPut {
    /// Identity.
    pub id: ItemId,
    /// Encoded facet.
    pub facet: Bytes,
    /// Encoded local part.
    pub local: Bytes,
    /// Hash that the facet is interned under.
    pub facet_hash: [u8; 32],
    /// Digest of the whole item.
    pub digest: u128,
}

/// How completely a source was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceReport {
    /// Kind of facts that it gives.
    pub section: Section,
    /// Its name.
    pub source: String,
    /// How completely.
    pub look: Look,
    /// Why not completely.
    pub reason: String,
}

/// A checked delta.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidDelta {
    /// Source states that changed.
    pub sources: Vec<SourceReport>,
    /// Items gone.
    pub gone: Vec<ItemId>,
    /// Items new or changed.
    pub put: Vec<ItemPut>,
    /// Things that happened.
    pub events: Vec<v1::Event>,
    /// Gauges.
    pub samples: Vec<v1::Sample>,
    /// What was lost before it could be sent.
    pub gaps: Vec<v1::Gap>,
}

/// A checked chunk of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidChunk {
    /// Kind of facts.
    pub section: Section,
    /// The agent's name for the snapshot.
    pub snapshot_id: [u8; 16],
    /// Position, from 0.
    pub index: u32,
    /// Whether the snapshot is complete with this chunk.
    pub last: bool,
    /// Source states; in the last chunk only.
    pub sources: Vec<SourceReport>,
    /// Items.
    pub items: Vec<ItemPut>,
    /// What was lost before it could be sent.
    pub gaps: Vec<v1::Gap>,
}

/// What a record carries.
#[derive(Clone, Debug, PartialEq)]
pub enum ValidBody {
    /// Changes.
    Delta(ValidDelta),
    /// Part of a complete picture.
    Chunk(ValidChunk),
}

/// A checked payload.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidPayload {
    /// When the agent saw it.
    pub stamp: v1::Stamp,
    /// What it says.
    pub body: ValidBody,
}

/// Decodes and checks the payload of a record. The facets' inside is checked too: a report is taken
/// whole or not at all.
pub fn payload(bytes: &[u8]) -> Result<ValidPayload, Malformed> {
    at_most("record", bytes.len(), RECORD_BYTES)?;
    let payload = v1::Payload::decode(bytes).map_err(|_| Malformed::Encoding("payload"))?;
    let stamp = payload.stamp.ok_or(Malformed::Missing("stamp"))?;
    name("boot id", &stamp.boot_id, 64)?;
    let body = match payload.body.ok_or(Malformed::Missing("body"))? {
        v1::payload::Body::Delta(delta) => ValidBody::Delta(valid_delta(delta)?),
        v1::payload::Body::Chunk(chunk) => ValidBody::Chunk(valid_chunk(chunk)?),
    };
    Ok(ValidPayload { stamp, body })
}

/// Decodes the facet of an item of `section`. A facet of a kind that this build does not know, or of
/// another section, is refused.
pub fn facet(section: Section, bytes: &[u8]) -> Result<facet::Kind, Malformed> {
    at_most("facet", bytes.len(), FACET_BYTES)?;
    let kind = v1::Facet::decode(bytes)
        .map_err(|_| Malformed::Encoding("facet"))?
        .kind;
    let kind = kind.ok_or(Malformed::Missing("facet"))?;
    let found = section_of(&kind);
    if found != section {
        return Err(Malformed::WrongSection {
            claimed: crate::section::name(section),
            found: crate::section::name(found),
        });
    }
    let mut check = TextLimits(Ok(()));
    kind.describe(&mut check);
    check.0.map(|()| kind)
}

/// Decodes the local part of an item.
pub fn local(bytes: &[u8]) -> Result<v1::Local, Malformed> {
    at_most("local part", bytes.len(), LOCAL_BYTES)?;
    v1::Local::decode(bytes).map_err(|_| Malformed::Encoding("local part"))
}

/// The section that a facet belongs to.
pub const fn section_of(kind: &facet::Kind) -> Section {
    match kind {
        facet::Kind::Os(_) => Section::Os,
        facet::Kind::Part(_) => Section::Part,
        facet::Kind::Software(_) => Section::Software,
        facet::Kind::Process(_) => Section::Process,
        facet::Kind::Network(_) => Section::Network,
        facet::Kind::Proxy(_) => Section::Proxy,
        facet::Kind::Listener(_) => Section::Listener,
        facet::Kind::Account(_) => Section::Account,
        facet::Kind::Logon(_) => Section::Logon,
        facet::Kind::Security(_) => Section::Security,
        facet::Kind::Share(_) => Section::Share,
        facet::Kind::Media(_) => Section::Media,
        facet::Kind::Neighbour(_) => Section::Neighbour,
        facet::Kind::Egress(_) => Section::Egress,
        facet::Kind::Health(_) => Section::Health,
    }
}

fn valid_delta(delta: v1::Delta) -> Result<ValidDelta, Malformed> {
    let entries = delta.sources.len()
        + delta.gone.len()
        + delta.put.len()
        + delta.events.len()
        + delta.samples.len()
        + delta.gaps.len();
    at_most("entries of a record", entries, ENTRIES_PER_RECORD)?;
    for event in &delta.events {
        valid_event(event)?;
    }
    for sample in &delta.samples {
        name("sample name", &sample.name, 64)?;
        name("sample unit", &sample.unit, 32)?;
        if sample.name.is_empty() || !sample.value.is_finite() {
            return Err(Malformed::Missing("sample name or value"));
        }
    }
    Ok(ValidDelta {
        sources: delta.sources.into_iter().map(source).collect::<Result<_, _>>()?,
        gone: delta.gone.into_iter().map(gone).collect::<Result<_, _>>()?,
        put: delta.put.into_iter().map(item).collect::<Result<_, _>>()?,
        events: delta.events,
        samples: delta.samples,
        gaps: gaps(delta.gaps)?,
    })
}

fn valid_chunk(chunk: v1::SnapshotChunk) -> Result<ValidChunk, Malformed> {
    at_most("items of a chunk", chunk.items.len(), ENTRIES_PER_RECORD)?;
    at_most("sources of a chunk", chunk.sources.len(), ENTRIES_PER_RECORD)?;
    at_most("chunks of a snapshot", chunk.index as usize + 1, CHUNKS as usize)?;
    let section = section(chunk.section)?;
    let items: Vec<ItemPut> = chunk.items.into_iter().map(item).collect::<Result<_, _>>()?;
    let sources: Vec<SourceReport> = chunk.sources.into_iter().map(source).collect::<Result<_, _>>()?;
    let stranger = items
        .iter()
        .map(|i| i.id.section)
        .chain(sources.iter().map(|s| s.section))
        .find(|s| *s != section);
    if let Some(found) = stranger {
        return Err(Malformed::WrongSection {
            claimed: crate::section::name(section),
            found: crate::section::name(found),
        });
    }
    if !chunk.last && !sources.is_empty() {
        return Err(Malformed::Unknown("sources before the last chunk"));
    }
    Ok(ValidChunk {
        section,
        snapshot_id: chunk
            .snapshot_id
            .as_slice()
            .try_into()
            .map_err(|_| Malformed::Encoding("snapshot id"))?,
        index: chunk.index,
        last: chunk.last,
        sources,
        items,
        gaps: gaps(chunk.gaps)?,
    })
}

fn valid_event(event: &v1::Event) -> Result<(), Malformed> {
    if event.id.len() != 16 {
        return Err(Malformed::Encoding("event id"));
    }
    name("event kind", &event.kind, 64)?;
    let section = section(event.section)?;
    name("key", &event.key, KEY_BYTES)?;
    name("principal", &event.principal, PRINCIPAL_BYTES)?;
    if !event.facet.is_empty() {
        facet(section, &event.facet)?;
    }
    Ok(())
}

fn gaps(gaps: Vec<v1::Gap>) -> Result<Vec<v1::Gap>, Malformed> {
    for gap in &gaps {
        name("reason", &gap.reason, REASON_BYTES)?;
    }
    Ok(gaps)
}

fn source(state: v1::SourceState) -> Result<SourceReport, Malformed> {
    required("source", &state.source, SOURCE_BYTES)?;
    name("reason", &state.reason, REASON_BYTES)?;
    let look = match Look::try_from(state.look) {
        Ok(Look::Unspecified) | Err(_) => return Err(Malformed::Unknown("look")),
        Ok(look) => look,
    };
    Ok(SourceReport {
        section: section(state.section)?,
        source: state.source,
        look,
        reason: state.reason,
    })
}

fn gone(key: v1::ItemKey) -> Result<ItemId, Malformed> {
    item_id(key.section, key.source, key.key, key.principal)
}

fn item(item: v1::Item) -> Result<ItemPut, Malformed> {
    let id = item_id(item.section, item.source, item.key, item.principal)?;
    facet(id.section, &item.facet)?;
    local(&item.local)?;
    let digest = digest::item(
        id.section,
        &id.source,
        &id.key,
        &id.principal,
        &item.facet,
        &item.local,
    );
    Ok(ItemPut {
        facet_hash: digest::facet(&item.facet),
        id,
        facet: item.facet,
        local: item.local,
        digest,
    })
}

fn item_id(number: i32, source: String, key: String, principal: String) -> Result<ItemId, Malformed> {
    let section = section(number)?;
    required("source", &source, SOURCE_BYTES)?;
    required("key", &key, KEY_BYTES)?;
    name("principal", &principal, PRINCIPAL_BYTES)?;
    Ok(ItemId {
        section,
        source,
        key,
        principal,
    })
}

fn section(number: i32) -> Result<Section, Malformed> {
    match Section::try_from(number) {
        Ok(Section::Unspecified) | Err(_) => Err(Malformed::Unknown("section")),
        Ok(section) => Ok(section),
    }
}

const fn at_most(what: &'static str, size: usize, limit: usize) -> Result<(), Malformed> {
    if size > limit {
        Err(Malformed::TooLarge { what, limit })
    } else {
        Ok(())
    }
}

fn required(what: &'static str, text: &str, limit: usize) -> Result<(), Malformed> {
    if text.is_empty() {
        return Err(Malformed::Missing(what));
    }
    name(what, text, limit)
}

fn name(what: &'static str, text: &str, limit: usize) -> Result<(), Malformed> {
    at_most(what, text.len(), limit)?;
    if text.chars().any(char::is_control) {
        Err(Malformed::Control(what))
    } else {
        Ok(())
    }
}

/// Bounds the texts and lists inside a facet. Control characters are allowed here: a package may have
/// them in its name, and every place that shows a value escapes it.
struct TextLimits(Result<(), Malformed>);

impl TextLimits {
    fn check(&mut self, what: &'static str, size: usize, limit: usize) {
        if self.0.is_ok() {
            self.0 = at_most(what, size, limit);
        }
    }
}

impl Visitor for TextLimits {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        self.check(doc.name, value.len(), TEXT_BYTES);
    }
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        self.check(doc.name, value.len(), LIST_VALUES);
        for text in value {
            self.check(doc.name, text.len(), TEXT_BYTES);
        }
    }
    fn flag(&mut self, _: &'static FieldDoc, _: bool) {}
    fn number(&mut self, _: &'static FieldDoc, _: u64) {}
    fn choice(&mut self, _: &'static FieldDoc, _: i32, _: Option<&'static str>) {}
    fn list(&mut self, doc: &'static FieldDoc, values: &mut dyn Iterator<Item = &dyn Describe>) {
        let mut count = 0usize;
        for value in values {
            count += 1;
            value.describe(self);
        }
        self.check(doc.name, count, LIST_VALUES);
    }
}
