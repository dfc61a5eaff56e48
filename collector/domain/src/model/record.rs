//! The collector's own records that show how a clause is kept, by the names that regulations use.

use serde::Serialize;

use super::Text;

macro_rules! records {
    ($($variant:ident $name:literal $zh:literal $en:literal $doc:literal),+ $(,)?) => {
        /// A kind of record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Record {
            $(#[doc = $doc] $variant),+
        }

        impl Record {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name used in rule files and the API.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What people call it.
            pub fn words(self) -> Text {
                let (zh, en) = match self { $(Self::$variant => ($zh, $en)),+ };
                Text { zh: zh.to_owned(), en: en.to_owned() }
            }
        }
    };
}

records! {
    Register "register" "资产登记" "Register entries" "Assets with a number.",
    Transfers "transfers" "移交记录" "Transfers" "Transfers of assets.",
    WorkOrders "work_orders" "维修工单" "Work orders" "Repair work orders.",
    Ledger "ledger" "IP 台账" "IP ledger entries" "Assigned addresses.",
    Licences "licences" "许可台账" "Licences" "Lines of the licence ledger.",
    Media "media" "移动介质登记" "Registered media" "Lines of the removable-media register.",
    Visits "visits" "到访时段" "Visit windows" "Windows in which outsourced devices may be here.",
    Approvals "approvals" "审批" "Approvals" "Permissions with an end.",
    Notices "notices" "整改通知书" "Rectification notices" "Notices issued for findings.",
    Inspections "inspections" "巡检" "Inspections" "Inspection runs.",
    Admissions "admissions" "准入检查" "Admission checks" "Checks of devices before they were used.",
    Findings "findings" "问题记录" "Findings" "Findings, whatever their state.",
    Changes "changes" "变更记录" "Changes" "Lines of the timelines.",
    Alerts "alerts" "告警" "Alerts" "Alerts that were queued.",
    Deliveries "deliveries" "告警送达" "Deliveries" "Messages that channels took.",
    Audit "audit" "审计日志" "Audit log entries" "Lines of the audit log.",
    Looks "looks" "数据源状态" "Source states" "What was looked at on devices, and how.",
    Fields "fields" "采集字段说明" "Described fields" "Fields that state purpose and sensitivity.",
    Certificates "certificates" "设备证书" "Device certificates" "Devices that prove who they are.",
    NoticeVersions "notice_versions" "告知书版本" "Versions of the notice" "Versions of what staff are told.",
    Acknowledgements "acknowledgements" "告知确认" "Acknowledgements" "Who acknowledged the notice.",
    PersonRequests "person_requests" "个人数据申请" "Requests of persons" "Exports and deletions of a person's data.",
    Backups "backups" "备份与演练" "Backups and rehearsals" "Backups made and restored for practice.",
}

impl Record {
    /// The record of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|record| record.name() == name)
    }
}
