//! Owner x role x route, generated from the router: somebody who is limited to one department reads nothing of
//! another's, on any page, in any export, from any address; routes that know no departments are closed.

use axum::http::StatusCode;
use deskwarden_domain::{
    model::{Asset, FindingId, Role, Sight},
    port::{FindingFilter, Paging},
};

use super::{
    house::{House, audit},
    seed,
};
use crate::web::access::{Access, ROUTES, Reach};

const OWN: &str = "工程部";
const FOREIGN: &str = "财务部";
/// Words that only the foreign machine says.
const SECRET: &str = "foreign-secret-pc";

/// A house with an own machine (asset 1) and a foreign one (asset 2).
fn two_departments() -> House {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let foreign: seed::Say = Box::new(|text| format!("{SECRET} {text}"));
    seed::machine(&house, 2, &foreign);
    for (device, department) in [(1u8, OWN), (2, FOREIGN)] {
        let id = deskwarden_proto::ids::DeviceId::from_random([device; 16]);
        let asset = house.store.device(id).unwrap().unwrap().asset;
        let asset = house.store.asset(asset).unwrap().unwrap().0.asset;
        let asset = Asset {
            department: Some(department.into()),
            ..asset
        };
        house.store.put_asset(&asset, false, &audit()).unwrap();
    }
    house
}

/// Id of the own or the foreign machine's title of that name, as the list of everybody shows it.
fn title_id(house: &House, name: &str, own: bool) -> String {
    let prefix = if own { String::new() } else { format!("{SECRET} ") };
    super::software::title_id(house, &format!("{prefix}{name}"))
}

/// Addresses of a pattern: own, then foreign. A new pattern with a place must be added here.
fn addresses(house: &House, pattern: &str) -> [String; 2] {
    let finding = |asset: usize| {
        let all = Paging {
            offset: 0,
            limit: 500,
        };
        let rows = house.store.findings(&FindingFilter::default(), all).unwrap().rows;
        let department = [OWN, FOREIGN][asset];
        let of = rows
            .iter()
            .find(|row| row.asset.as_ref().and_then(|asset| asset.department.as_deref()) == Some(department));
        of.unwrap().id.0.to_string()
    };
    let with = |own: &str, foreign: &str| [own, foreign].map(|id| pattern.replace("{id}", id));
    if !pattern.contains('{') {
        return [pattern.to_owned(), String::new()];
    }
    let asset = |device: u8| {
        let id = deskwarden_proto::ids::DeviceId::from_random([device; 16]);
        house.store.device(id).unwrap().unwrap().asset.0.to_string()
    };
    if pattern.contains("/findings/{id}") {
        with(&finding(0), &finding(1))
    } else if pattern.contains("/assets/{id}") {
        with(&asset(1), &asset(2))
    } else if pattern == "/software/{id}" {
        with(&title_id(house, "QQ", true), &title_id(house, "QQ", false))
    } else if pattern.contains("/devices/{id}") {
        with(&"01".repeat(16), &"02".repeat(16))
    } else if pattern == "/rules/{id}" {
        [pattern.replace("{id}", "pc.chat"), String::new()]
    } else {
        panic!("{pattern}: say here which addresses are own and foreign")
    }
}

#[test]
fn whoever_is_limited_reads_nothing_of_another_department_anywhere() {
    let house = two_departments();
    for role in [Role::Technician, Role::RuleOfficer, Role::Auditor] {
        let mut reader = house.person(role.name(), &[role]);
        let mut whole = house.person(&format!("{}-whole", role.name()), &[role]);
        let id = house.store.user_by_name(role.name()).unwrap().unwrap().id;
        house
            .store
            .set_rights(id, &[role], &Sight::of(OWN), &audit())
            .unwrap();
        reader.cookies.clear();
        reader.sign_in(role.name(), super::house::PASSWORD);
        for route in ROUTES
            .iter()
            .filter(|route| route.method == "GET" && route.path != "/events")
        {
            let (Access::Roles(allowed) | Access::Api(_, allowed)) = route.access else {
                continue;
            };
            if !allowed.contains(&role) {
                continue;
            }
            if route.reach == Reach::Whole {
                let probe = route.path.replace("{id}", "1").replace("{name}", "x");
                let answer = reader.get(&probe);
                assert_eq!(
                    answer.status,
                    StatusCode::FORBIDDEN,
                    "{} as {}",
                    route.path,
                    role.name()
                );
                continue;
            }
            let [own, foreign] = addresses(&house, route.path);
            let suffixes: &[&str] = match route.path {
                "/api/v1/devices/{id}/items" => &["?section=software"],
                path if path.starts_with("/api/") => &[""],
                _ => &["", "?text=secret&state=any", "?tab=timeline", "?tab=software"],
            };
            for suffix in suffixes {
                let answer = reader.get(&format!("{own}{suffix}"));
                assert_eq!(answer.status, StatusCode::OK, "{own}{suffix} as {}", role.name());
                assert!(!answer.body.contains(SECRET), "{own}{suffix} as {}", role.name());
                assert!(!answer.body.contains(FOREIGN), "{own}{suffix} as {}", role.name());
            }
            if !foreign.is_empty() {
                let foreign = format!("{foreign}{}", suffixes[0]);
                assert_eq!(reader.get(&foreign).status, StatusCode::NOT_FOUND, "{foreign}");
                let seen = whole.get(&foreign);
                assert_eq!(
                    seen.status,
                    StatusCode::OK,
                    "{foreign} exists for whoever sees everything"
                );
            }
        }
    }
}

#[test]
fn whoever_is_limited_decides_on_own_findings_only() {
    let house = two_departments();
    house.user("wang", &[Role::Technician], false);
    let id = house.store.user_by_name("wang").unwrap().unwrap().id;
    house
        .store
        .set_rights(id, &[Role::Technician], &Sight::of(OWN), &audit())
        .unwrap();
    let [_, foreign] = addresses(&house, "/findings/{id}");
    let id = foreign.rsplit('/').next().unwrap().parse().unwrap();
    let before = house
        .store
        .finding(FindingId(id))
        .unwrap()
        .unwrap()
        .row
        .finding
        .version;
    let mut wang = house.stranger();
    wang.sign_in("wang", super::house::PASSWORD);
    for route in ROUTES
        .iter()
        .filter(|route| route.method == "POST" && route.reach == Reach::Seen)
        .filter(|route| matches!(route.access, Access::Roles(_)))
    {
        let [own, foreign] = addresses(&house, route.path);
        let answer = wang.post(&foreign, &[("action", "acknowledge")]);
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{foreign}");
        let answer = wang.post(&own, &[("action", "acknowledge")]);
        assert!(
            answer.status != StatusCode::NOT_FOUND && answer.status != StatusCode::FORBIDDEN,
            "{own}"
        );
    }
    let untouched = house.store.finding(FindingId(id)).unwrap().unwrap();
    assert_eq!(untouched.row.finding.version, before);
}
