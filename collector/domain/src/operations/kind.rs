//! The kinds of conditions and their words.

use crate::model::{Lang, Text};

/// A kind of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate is about to end.
    CertificateEnds,
    /// The disk of the data folder is filling.
    DiskFilling,
    /// No backup for too long.
    BackupOverdue,
    /// An agent lost records before it could send them.
    RecordsLost,
    /// A rules file was refused.
    RulesRefused,
    /// Messages were given up.
    NotDelivered,
    /// The store cannot be written.
    StoreDown,
    /// The store gives back other content than it was given.
    StoreDamaged,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::CertificateEnds,
        Self::DiskFilling,
        Self::BackupOverdue,
        Self::RecordsLost,
        Self::RulesRefused,
        Self::NotDelivered,
        Self::StoreDown,
        Self::StoreDamaged,
    ];

    /// What stands where findings have their rule.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::CertificateEnds => "ops.certificate-ends",
            Self::DiskFilling => "ops.disk-filling",
            Self::BackupOverdue => "ops.backup-overdue",
            Self::RecordsLost => "ops.records-lost",
            Self::RulesRefused => "ops.rules-refused",
            Self::NotDelivered => "ops.not-delivered",
            Self::StoreDown => "ops.store-down",
            Self::StoreDamaged => "ops.store-damaged",
        }
    }

    /// The kind of that rule.
    pub fn by_rule(rule: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.rule() == rule)
    }

    /// What it is called.
    pub const fn title(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::CertificateEnds => ("证书即将到期", "A certificate is about to end"),
            Self::DiskFilling => ("数据盘空间不足", "The disk of the data folder is filling"),
            Self::BackupOverdue => ("备份逾期", "The backup is overdue"),
            Self::RecordsLost => (
                "终端数据有缺口",
                "An agent lost records before it could send them",
            ),
            Self::RulesRefused => ("规则文件被拒绝", "A rules file was refused"),
            Self::NotDelivered => ("告警未能送达", "Alerts could not be delivered"),
            Self::StoreDown => ("数据库不可写", "The database cannot be written"),
            Self::StoreDamaged => (
                "数据库内容损坏",
                "The database gives back other content than was stored",
            ),
        };
        pick(lang, zh, en)
    }

    /// What to do.
    pub const fn remedy(self, lang: Lang) -> &'static str {
        let (zh, en) = match self {
            Self::CertificateEnds => (
                "CA 证书：见 `deskwarden-collector ca`；自备证书：换上新的证书文件。",
                "The authority's: see `deskwarden-collector ca`; a configured one: put the new files in place.",
            ),
            Self::DiskFilling => (
                "腾出空间或扩大数据盘；盘满后采集端停止写入。",
                "Free or add space; the collector stops writing when the disk is full.",
            ),
            Self::BackupOverdue => (
                "检查备份任务是否还在运行。",
                "See whether the backup job still runs.",
            ),
            Self::RecordsLost => (
                "检查该终端的磁盘空间和离线时长；当前状态会由下一次完整上报补齐。",
                "Look at the PC's disk and at how long it was away; its next full report restores the present state.",
            ),
            Self::RulesRefused => (
                "改正文件；在此之前旧规则继续生效。",
                "Correct the file; the older rules stay in force until then.",
            ),
            Self::NotDelivered => (
                "检查渠道设置，然后在告警页重新发送。",
                "Check the channel's settings, then send them again from the alerts page.",
            ),
            Self::StoreDown => (
                "检查数据库和磁盘；终端会保留数据，恢复后自动补传。",
                "Look at the database and the disk; agents keep what they have and send it afterwards.",
            ),
            Self::StoreDamaged => (
                "运行 `deskwarden-collector check-store` 查看详情；检查磁盘后恢复备份，终端会自动补齐备份之后的数据。",
                "`deskwarden-collector check-store` tells all; look at the disk, then restore a backup: agents send what came after it.",
            ),
        };
        pick(lang, zh, en)
    }

    /// Both languages of what it is called.
    pub fn title_text(self) -> Text {
        Text::new(self.title(Lang::Zh), self.title(Lang::En))
    }

    /// Both languages of what to do.
    pub fn remedy_text(self) -> Text {
        Text::new(self.remedy(Lang::Zh), self.remedy(Lang::En))
    }
}

const fn pick(lang: Lang, zh: &'static str, en: &'static str) -> &'static str {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}
