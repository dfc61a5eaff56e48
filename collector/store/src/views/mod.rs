//! What pages read: filtered, sorted and cut in the database, a fixed number of statements per page.

mod assets;
mod condition;
mod coverage;
mod devices;
mod findings;
mod holdings;
mod overview;
mod trend;

use deskwarden_domain::{
    model::{Asset, AssetId, AuditEntry, Device, DhcpRange, FindingId, LedgerEntry, Millis, Record, Sight},
    port::{
        AgentCount, AssetFilter, AssetRow, Attention, ChangeRow, Compliance, Condition, DeviceDetail,
        DeviceFilter, FacetCount, FacetId, FindingDetail, FindingFilter, FindingRow, Holding, ItemRow,
        Overview, Page, Paging, RuleCount, SourceRow, StoreResult, Views,
    },
    trend::{Machine, Span},
};
use deskwarden_proto::{Bytes, ids::DeviceId, v1::Section};

use crate::{
    Database, ledger,
    register::assets as registered,
    rows::{self, LEDGER},
    sql::{ConnectionExt as _, unsigned, window},
};

impl Views for Database {
    fn overview(&self, since: Millis, sight: &Sight) -> StoreResult<Overview> {
        self.read(|connection| overview::overview(connection, since, sight))
    }

    fn attention(&self, now: Millis, since: Millis, sight: &Sight) -> StoreResult<Attention> {
        self.read(|connection| trend::attention(connection, now, since, sight))
    }

    fn machines(&self) -> StoreResult<Vec<Machine>> {
        self.read(trend::machines)
    }

    fn spans(&self, since: Millis) -> StoreResult<Vec<Span>> {
        self.read(|connection| trend::spans(connection, since))
    }

    fn findings(&self, filter: &FindingFilter, paging: Paging) -> StoreResult<Page<FindingRow>> {
        self.read(|connection| findings::list(connection, filter, paging))
    }

    fn finding(&self, id: FindingId) -> StoreResult<Option<FindingDetail>> {
        self.read(|connection| findings::detail(connection, id))
    }

    fn assets(&self, filter: &AssetFilter, paging: Paging) -> StoreResult<Page<AssetRow>> {
        self.read(|connection| assets::list(connection, filter, paging))
    }

    fn asset(&self, id: AssetId) -> StoreResult<Option<(AssetRow, Vec<Device>)>> {
        self.read(|connection| assets::detail(connection, id))
    }

    fn device_detail(&self, id: DeviceId) -> StoreResult<Option<DeviceDetail>> {
        self.read(|connection| devices::detail(connection, id))
    }

    fn devices(&self, filter: &DeviceFilter, paging: Paging) -> StoreResult<Page<(Device, Asset)>> {
        self.read(|connection| devices::list(connection, filter, paging))
    }

    fn items(&self, device: DeviceId, section: Section, paging: Paging) -> StoreResult<Page<ItemRow>> {
        self.read(|connection| devices::items(connection, device, section, paging))
    }

    fn changes(
        &self,
        device: DeviceId,
        section: Option<Section>,
        paging: Paging,
    ) -> StoreResult<Page<ChangeRow>> {
        self.read(|connection| devices::changes(connection, device, section, paging))
    }

    fn gaps(&self, device: DeviceId, limit: usize) -> StoreResult<Vec<(Millis, Section, u64, String)>> {
        self.read(|connection| devices::gaps(connection, device, limit))
    }

    fn lost_since(&self, since: Millis, limit: usize) -> StoreResult<Vec<(DeviceId, String, u64)>> {
        self.read(|connection| devices::lost_since(connection, since, limit))
    }

    fn facet_counts(&self, section: Section, department: Option<&str>) -> StoreResult<Vec<FacetCount>> {
        self.read(|connection| overview::facet_counts(connection, section, department))
    }

    fn holdings(&self, section: Section, after: AssetId, limit: u32) -> StoreResult<Vec<Holding>> {
        self.read(|connection| holdings::list(connection, section, after, limit))
    }

    fn facets(&self, ids: &[FacetId]) -> StoreResult<Vec<(FacetId, Bytes)>> {
        self.read(|connection| holdings::facets(connection, ids))
    }

    fn condition(&self, since: Millis) -> StoreResult<Condition> {
        self.read(|connection| condition::condition(connection, since))
    }

    fn agents(&self, since: Millis) -> StoreResult<Vec<AgentCount>> {
        self.read(|connection| condition::agents(connection, since))
    }

    fn rule_counts(&self) -> StoreResult<Vec<RuleCount>> {
        self.read(overview::rule_counts)
    }

    fn record_counts(&self) -> StoreResult<Vec<(Record, u64)>> {
        self.read(coverage::record_counts)
    }

    fn departments(&self) -> StoreResult<Vec<Compliance>> {
        self.read(coverage::departments)
    }

    fn blind_sources(&self, limit: usize) -> StoreResult<Vec<SourceRow>> {
        self.read(|connection| overview::blind_sources(connection, limit))
    }

    fn put_asset(&self, asset: &Asset, make: bool, audit: &AuditEntry) -> StoreResult<AssetId> {
        self.write(|connection| registered::put_asset(connection, asset, make, audit))
    }

    fn put_ledger_entry(&self, entry: &LedgerEntry, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| ledger::edit(connection, std::slice::from_ref(entry), &[], audit))
    }

    fn ledger(&self, paging: Paging) -> StoreResult<Page<LedgerEntry>> {
        self.read(|connection| {
            let total = connection.number("SELECT COUNT(*) FROM ledger", &[])?;
            let rows = connection.rows(
                &format!("SELECT {LEDGER} FROM ledger l ORDER BY l.sort_key LIMIT ?1 OFFSET ?2"),
                &window(paging),
                rows::ledger,
            )?;
            Ok(Page {
                rows,
                total: unsigned(total),
            })
        })
    }

    fn edit_ledger(&self, put: &[LedgerEntry], remove: &[String], audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| ledger::edit(connection, put, remove, audit))
    }

    fn dhcp_ranges(&self) -> StoreResult<Vec<DhcpRange>> {
        self.read(ledger::ranges)
    }

    fn put_dhcp_ranges(&self, ranges: &[DhcpRange], audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| ledger::put_ranges(connection, ranges, audit))
    }
}
