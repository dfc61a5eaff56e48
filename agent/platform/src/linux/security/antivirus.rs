//! Source `security/antivirus`: which antivirus products are installed and started, and how old the
//! signatures of those are that keep them in the open.

use deskwarden_proto::v1::{Security, Switch};

use super::{fact, id, switch};
use crate::{
    Reading, Root, Source, SourceId, WatchPath,
    linux::{gather::Gather, logon::unix_now, units},
};

/// Signatures older than this are not current.
const CURRENT_SECONDS: i64 = 7 * 86_400;

struct Product {
    name: &'static str,
    /// One of these is there when it is installed.
    places: &'static [&'static str],
    /// One of these starts it; none is known for some.
    units: &'static [&'static str],
    /// Files that an update replaces.
    signatures: &'static [&'static str],
}

const fn product(
    name: &'static str,
    places: &'static [&'static str],
    units: &'static [&'static str],
) -> Product {
    Product {
        name,
        places,
        units,
        signatures: &[],
    }
}

const PRODUCTS: [Product; 18] = [
    Product {
        name: "ClamAV",
        places: &["usr/sbin/clamd", "usr/bin/clamscan"],
        units: &[
            "clamav-daemon.service",
            "clamd@scan.service",
            "clamav-clamonacc.service",
        ],
        signatures: &[
            "var/lib/clamav/daily.cld",
            "var/lib/clamav/daily.cvd",
            "var/lib/clamav/daily.inc",
        ],
    },
    product(
        "360 终端安全",
        &["opt/360safeforcnos", "opt/360safe", "opt/360sd", "opt/360epp"],
        &[],
    ),
    product(
        "奇安信天擎",
        &["opt/qaxsafe", "opt/qianxin"],
        &["qaxsafe.service"],
    ),
    product("火绒", &["opt/huorong", "opt/apps/cn.huorong.esclient"], &[]),
    product("瑞星", &["opt/rising", "opt/apps/com.rising.rav"], &[]),
    product("江民", &["opt/jiangmin"], &[]),
    product("金山终端安全", &["opt/kingsoft/ksafe", "opt/ksafe"], &[]),
    product("北信源", &["opt/vrv", "opt/edp"], &[]),
    product("深信服 EDR", &["sf/edr/agent"], &["edr_agent.service"]),
    product("麒麟安全中心", &["usr/bin/ksc-defender"], &[]),
    product(
        "Trend Micro",
        &["opt/ds_agent", "opt/TrendMicro"],
        &["ds_agent.service"],
    ),
    product("Kaspersky", &["opt/kaspersky/kesl"], &["kesl.service"]),
    product("ESET", &["opt/eset"], &["eea.service", "efs.service"]),
    product(
        "Sophos",
        &["opt/sophos-spl", "opt/sophos-av"],
        &["sophos-spl.service", "sav-protect.service"],
    ),
    product("Microsoft Defender", &["opt/microsoft/mdatp"], &["mdatp.service"]),
    product(
        "Bitdefender",
        &["opt/bitdefender-security-tools"],
        &["bdsec.service"],
    ),
    product("CrowdStrike", &["opt/CrowdStrike"], &["falcon-sensor.service"]),
    product("SentinelOne", &["opt/sentinelone"], &["sentinelone.service"]),
];

/// Known products by the places that they install to.
pub(in crate::linux) struct Antivirus;

impl Source for Antivirus {
    fn id(&self) -> SourceId {
        id("antivirus")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let enabled = units::enabled(root, &mut gather);
        for product in &PRODUCTS {
            let Some(place) = product.places.iter().find(|place| gather.there(root, place)) else {
                continue;
            };
            let started = product.units.iter().any(|unit| enabled.contains(*unit));
            let known = product.units.iter().any(|unit| units::installed(root, unit));
            let age = product
                .signatures
                .iter()
                .filter_map(|path| root.modified(path))
                .max()
                .map(|at| unix_now().saturating_sub(at));
            let security = Security {
                topic: "antivirus".to_owned(),
                product: product.name.to_owned(),
                enabled: match (known, started) {
                    // Whether it runs cannot be told from files when its unit is not known.
                    (false, false) if product.signatures.is_empty() => Switch::Unspecified,
                    (_, started) => switch(started),
                }
                .into(),
                up_to_date: match age {
                    Some(age) => switch(age <= CURRENT_SECONDS),
                    None => Switch::Unspecified,
                }
                .into(),
                ..Security::default()
            };
            gather.facts.push(fact(security).at(format!("/{place}")));
        }
        if gather.facts.is_empty() {
            gather.facts.push(fact(Security {
                topic: "antivirus".to_owned(),
                enabled: Switch::Off.into(),
                ..Security::default()
            }));
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = units::watches(root);
        all.push(super::folder(root, "opt"));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{enable, security, switches, write};
    use super::*;

    #[test]
    fn an_absent_product_is_off_and_an_installed_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(switches(&Antivirus.read(&root)), [("antivirus", Switch::Off)]);
        write(
            folder.path(),
            &[
                ("usr/sbin/clamd", b""),
                ("usr/lib/systemd/system/clamav-daemon.service", b""),
                ("var/lib/clamav/daily.cvd", b"x"),
                ("opt/360safe/x", b""),
            ],
        );
        let reading = Antivirus.read(&root);
        assert_eq!(
            switches(&reading),
            [
                ("antivirus:360 终端安全", Switch::Unspecified),
                ("antivirus:ClamAV", Switch::Off)
            ]
        );
        assert_eq!(security(&reading.facts[1]).up_to_date(), Switch::On);
        enable(folder.path(), "clamav-daemon.service");
        assert_eq!(switches(&Antivirus.read(&root))[1].1, Switch::On);
    }
}
