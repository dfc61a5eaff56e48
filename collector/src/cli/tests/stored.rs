//! What is kept of a store from the command line: its check, its backups, its move to another one.

use super::*;

#[test]
fn an_index_that_changed_on_its_disk_is_found_too() {
    let home = tempfile::tempdir().unwrap();
    json(
        home.path(),
        &["asset", "register", "--number", "PC-7", "--name", "front desk"],
    );
    let file = home.path().join("deskwarden.db");
    let whole = std::fs::read(&file).unwrap();
    let word = b"front desk";
    let places: Vec<usize> = (0..whole.len() - word.len())
        .filter(|at| whole[*at..].starts_with(word))
        .collect();
    assert!(places.len() > 1, "the table, and an index: {places:?}");
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 2;
        std::fs::write(&file, bytes).unwrap();
        let ran = run_in(home.path(), &["check-store"], Lang::En);
        assert_eq!(ran.code, 1, "byte {at}: {}", ran.out);
    }
}

#[test]
fn a_backup_is_made_checked_and_restored() {
    let home = tempfile::tempdir().unwrap();
    let (data, backups) = (home.path().join("data"), home.path().join("backups"));
    std::fs::create_dir(&data).unwrap();
    json(&data, &["token", "create", "--label", "kept"]);
    let to = backups.display().to_string();
    let made = json(&data, &["backup", "--to", &to, "--keep", "2"]);
    let backup = made["backup"].as_str().unwrap().to_owned();
    assert_eq!(json(&data, &["backup", "--verify", &backup])["whole"], true);
    let fresh = home.path().join("fresh");
    json(&fresh, &["restore", &backup]);
    assert_eq!(json(&fresh, &["token", "list"])[0]["label"], "kept");
    let backups_of = |data: &std::path::Path| {
        let place = format!("sqlite:{}", data.join("deskwarden.db").display());
        let counts = deskwarden_store::open(&place).unwrap().record_counts().unwrap();
        let backups = counts.iter().find(|(record, _)| record.name() == "backups");
        backups.unwrap().1
    };
    assert_eq!(backups_of(&data), 1);
    assert_eq!(
        backups_of(&fresh),
        1,
        "the restoring; the copy is older than its making"
    );
    let again = run_in(&fresh, &["restore", &backup], Lang::En);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("holds a collector already"), "{}", again.err);
    let nothing = run_in(&home.path().join("nobody"), &["backup", "--to", &to], Lang::En);
    assert!(nothing.err.contains("nothing to back up"), "{}", nothing.err);
}

#[test]
fn a_backup_renews_its_mark_in_a_folder_that_it_makes() {
    let home = tempfile::tempdir().unwrap();
    let (data, mark) = (home.path().join("data"), home.path().join("marks/last"));
    std::fs::create_dir(&data).unwrap();
    let config = format!("[operations]\nbackup_mark = \"{}\"\n", mark.display());
    std::fs::write(data.join("collector.toml"), config).unwrap();
    json(&data, &["token", "list"]);
    let to = home.path().join("backups").display().to_string();
    let made = json(&data, &["backup", "--to", &to]);
    let marked = std::fs::read_to_string(&mark).unwrap();
    assert_eq!(made["backup"], marked.as_str());
    // Somebody else's file is in nobody's way.
    let mut rights = std::fs::metadata(&mark).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&mark, rights).unwrap();
    std::fs::remove_dir_all(&to).unwrap();
    json(&data, &["backup", "--to", &to]);
    assert!(mark.exists());
}

#[test]
fn a_store_that_gives_back_other_content_is_refused() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["token", "create", "--label", "kept"]);
    assert_eq!(json(home.path(), &["check-store"])["ok"], true);
    let file = home.path().join("deskwarden.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let word = b"token.create";
    let at = bytes.windows(word.len()).position(|found| found == word).unwrap();
    bytes[at] = b'T';
    std::fs::write(&file, bytes).unwrap();
    let ran = run_in(home.path(), &["check-store", "--json"], Lang::En);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("audit log, entry") && ran.err.contains("restore a backup"),
        "{}",
        ran.err
    );
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["ok"], told["faults"].as_array().unwrap().len()),
        (&Value::from(false), 2),
        "the chain, and the table: {told}"
    );
}

#[test]
fn a_table_that_changed_by_itself_is_told_until_a_person_accepts_it() {
    let home = tempfile::tempdir().unwrap();
    let numbered = ["asset", "register", "--number", "PC-1"];
    json(home.path(), &numbered);
    let file = home.path().join("deskwarden.db");
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute("UPDATE assets SET number = 'PC-9'", []).unwrap();
    drop(raw);
    let ran = run_in(home.path(), &["check-store"], Lang::En);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("table assets: what it holds is not what was written to it"),
        "{}",
        ran.err
    );
    for _ in 0..2 {
        assert_eq!(json(home.path(), &["check-store", "--accept"])["ok"], true);
    }
    assert_eq!(json(home.path(), &["check-store"])["ok"], true);
    let accepted = "SELECT COUNT(*) FROM audit WHERE action = 'store.accept'";
    let raw = rusqlite::Connection::open(&file).unwrap();
    let count: i64 = raw.query_row(accepted, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1, "there was nothing to accept the second time");
}

#[test]
fn a_store_is_moved_with_progress_and_the_source_stays() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["token", "create", "--label", "kept"]);
    let url = |name: &str| format!("sqlite:{}", home.path().join(name).display());
    let (from, to) = (url("deskwarden.db"), url("new.db"));
    let moved = run_in(
        home.path(),
        &["migrate-store", "--from", &from, "--to", &to, "--json"],
        Lang::En,
    );
    assert_eq!(moved.code, 0, "{}", moved.err);
    let lines: Vec<Value> = moved
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let verified = lines
        .iter()
        .any(|line| line["event"] == "verified" && line["table"] == "tokens" && line["rows"] == 1);
    assert!(verified, "{}", moved.out);
    assert_eq!(lines.last().unwrap()["event"], "done");
    assert_eq!(
        json(home.path(), &["token", "list", "--store", &to])[0]["label"],
        "kept"
    );
    let again = run_in(
        home.path(),
        &["migrate-store", "--from", &from, "--to", &to],
        Lang::En,
    );
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is not empty"), "{}", again.err);
    let wrong = run_in(
        home.path(),
        &["migrate-store", "--from", "mysql://x", "--to", &to],
        Lang::En,
    );
    assert!(wrong.err.contains("--from: a store is"), "{}", wrong.err);
}

#[test]
fn a_database_that_is_missing_or_empty_is_not_whole() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("deskwarden.db");
    let ran = run_in(home.path(), &["check-store"], Lang::En);
    assert!(
        ran.code == 1 && ran.err.contains("cannot be opened"),
        "{}",
        ran.err
    );
    assert!(!file.exists(), "none is made");
    std::fs::write(&file, "").unwrap();
    let ran = run_in(home.path(), &["check-store"], Lang::En);
    assert!(ran.code == 1 && ran.err.contains("is empty"), "{}", ran.err);
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 0, "nothing is written");
}

#[test]
fn a_store_is_not_moved_away_under_its_collector() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["token", "create", "--label", "kept"]);
    let running = crate::data::DataDir::take(home.path()).unwrap();
    let url = |name: &str| format!("sqlite:{}", home.path().join(name).display());
    let (from, to) = (url("deskwarden.db"), url("new.db"));
    let command = ["migrate-store", "--from", &from, "--to", &to];
    let ran = run_in(home.path(), &command, Lang::En);
    assert!(ran.code == 1 && ran.err.contains("process"), "{}", ran.err);
    assert!(!home.path().join("new.db").exists());
    drop(running);
    let ran = run_in(home.path(), &command, Lang::En);
    assert_eq!(ran.code, 0, "{}", ran.err);
}
