//! The devices as a list, for exports and the API: pages show them with their assets.

use deskwarden_domain::{
    model::{Asset, Device},
    port::{DeviceFilter, Store, StoreResult},
};

use crate::web::list::{Batch, Column, List, ListAsk, offset};

/// Devices with their assets, newest first.
pub(in crate::web) struct DeviceList;

impl List for DeviceList {
    type Row = (Device, Asset);
    const NAME: &'static str = "devices";
    const TITLE: &'static str = "asset.devices";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<Column<(Device, Asset)>> {
        vec![
            Column::text("id", "finding.device", |(device, _), _| {
                Some(device.id.to_string())
            }),
            Column::number("asset_id", "findings.asset_id", |(_, asset)| Some(asset.id.0)),
            Column::text("asset_number", "asset.number", |(_, asset), _| {
                asset.number.clone()
            }),
            Column::text("asset_name", "findings.machine", |(_, asset), _| {
                Some(asset.name.clone())
            }),
            Column::text("custodian", "asset.custodian", |(_, asset), _| {
                asset.custodian.clone()
            }),
            Column::text("department", "asset.department", |(_, asset), _| {
                asset.department.clone()
            }),
            Column::word("status", "device.status", "device_status", |(device, _)| {
                Some(device.status.name())
            }),
            Column::flag("current", "device.current", |(device, _)| device.current),
            Column::text("hostname", "device.hostname", |(device, _), _| {
                Some(device.hints.hostname.clone())
            }),
            Column::text("model", "device.model", |(device, _), _| {
                Some(device.hints.model.clone())
            }),
            Column::text("serial", "device.serial", |(device, _), _| {
                Some(device.hints.system_serial.clone())
            }),
            Column::text("platform", "device.platform", |(device, _), _| {
                Some(device.platform.clone())
            }),
            Column::text("agent_version", "device.agent", |(device, _), _| {
                Some(device.agent_version.clone())
            }),
            Column::when("enrolled_at", "device.enrolled", |(device, _)| {
                Some(device.enrolled_at)
            }),
            Column::when("last_seen_at", "device.last_seen", |(device, _)| {
                device.last_seen_at
            }),
            Column::when("certificate_ends_at", "device.certificate", |(device, _)| {
                device.certificate_ends_at
            }),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<(Device, Asset)>> {
        let filter = DeviceFilter {
            sight: ask.sight.clone(),
            before: None,
        };
        let page = store.devices(&filter, offset(from, limit))?;
        Ok(Batch::by_offset(page, from))
    }
}
