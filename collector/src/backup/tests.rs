//! Backups of a real store in a private folder, restored, tampered with, pruned.

use std::os::unix::fs::PermissionsExt as _;

use deskwarden_domain::model::AuditEntry;

use super::*;

const NOW: Millis = 1_800_000_000_000;

struct Place {
    home: tempfile::TempDir,
}

impl Place {
    /// A data folder with a store, an authority and rules.
    fn filled() -> Self {
        let place = Self {
            home: tempfile::tempdir().unwrap(),
        };
        let data = place.data();
        fs::create_dir_all(data.join("pki/old")).unwrap();
        fs::write(data.join("pki/root.key"), "secret").unwrap();
        fs::write(data.join("pki/old/root.crt"), "before").unwrap();
        fs::write(data.join("collector.lock"), "17").unwrap();
        note(&place.store(), "first");
        place
    }

    fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    fn store(&self) -> StoreUrl {
        StoreUrl::embedded(&self.data())
    }

    fn back_up(&self) -> PathBuf {
        let store = self.store();
        let source = Source {
            data_dir: &self.data(),
            store: &store,
            config: None,
        };
        make(source, &self.home.path().join("backups"), NOW).unwrap()
    }

    fn restore(&self, backup: &Path) -> Result<(), String> {
        let data = self.home.path().join("restored");
        let store = StoreUrl::embedded(&data);
        restore(backup, &data, &store)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

fn note(store: &StoreUrl, action: &str) {
    let entry = AuditEntry {
        at: NOW,
        actor: "tester".into(),
        action: action.into(),
        object: String::new(),
        detail: String::new(),
    };
    deskwarden_store::open(store.reveal())
        .unwrap()
        .audit(&entry)
        .unwrap();
}

#[test]
fn a_backup_of_a_running_collector_is_restored_as_it_was() {
    let place = Place::filled();
    let running = deskwarden_store::open(place.store().reveal()).unwrap();
    let backup = place.back_up();
    note(&place.store(), "later");
    drop(running);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&backup), 0o700);
    assert_eq!(mode(&backup.join(STORE)), 0o600);
    assert!(!backup.join("data/collector.lock").exists());
    place.restore(&backup).unwrap();
    let data = place.home.path().join("restored");
    assert_eq!(
        fs::read_to_string(data.join("pki/old/root.crt")).unwrap(),
        "before"
    );
    let store = deskwarden_store::open(StoreUrl::embedded(&data).reveal()).unwrap();
    assert_eq!(store.verify_audit().unwrap(), Ok(1));
}

#[test]
fn a_backup_that_was_tampered_with_is_refused_whole() {
    let place = Place::filled();
    let backup = place.back_up();
    fs::write(backup.join("data/pki/root.key"), "other").unwrap();
    fs::remove_file(backup.join("data/pki/old/root.crt")).unwrap();
    fs::write(backup.join("data/more"), "x").unwrap();
    let message = place.restore(&backup).unwrap_err();
    for fault in [
        "root.key was changed",
        "root.crt: No such file",
        "data/more is not on the list",
    ] {
        assert!(message.contains(fault), "{message}");
    }
    assert!(
        !place.home.path().join("restored").exists(),
        "nothing was written"
    );
}

#[test]
fn a_list_that_leads_outside_is_refused() {
    let place = Place::filled();
    let backup = place.back_up();
    for path in ["../outside", "/etc/passwd", "data/../../x", ""] {
        let mut manifest = Manifest::read(&backup).unwrap();
        manifest.files.push(Entry {
            path: path.to_owned(),
            bytes: 0,
            sha256: String::new(),
        });
        let message = manifest.check(&backup).unwrap_err().to_string();
        assert!(message.contains("no path within a backup"), "{path}: {message}");
    }
}

#[test]
fn a_folder_with_a_collector_in_it_is_not_restored_over() {
    let place = Place::filled();
    let backup = place.back_up();
    place.restore(&backup).unwrap();
    let message = place.restore(&backup).unwrap_err();
    assert!(message.contains("holds a collector already"), "{message}");
}

#[test]
fn what_is_no_backup_is_refused() {
    let place = Place::filled();
    let message = place.restore(&place.data()).unwrap_err();
    assert!(message.contains("backup.json"), "{message}");
}

#[test]
fn only_the_newest_are_kept_and_what_is_unfinished_goes() {
    let place = Place::filled();
    let folder = place.home.path().join("backups");
    let store = place.store();
    let data = place.data();
    let source = Source {
        data_dir: &data,
        store: &store,
        config: None,
    };
    let made: Vec<PathBuf> = (0..3)
        .map(|n| make(source, &folder, NOW + n * 60_000).unwrap())
        .collect();
    fs::create_dir(folder.join("deskwarden-20200101.part")).unwrap();
    fs::create_dir(folder.join("deskwarden-holiday-pictures")).unwrap();
    let removed = prune(&folder, 1).unwrap();
    assert_eq!(removed.len(), 3, "{removed:?}");
    assert!(made.last().unwrap().exists());
    assert!(folder.join("deskwarden-holiday-pictures").exists());
}

#[test]
fn a_backup_within_the_data_folder_does_not_hold_itself() {
    let place = Place::filled();
    let store = place.store();
    let data = place.data();
    let source = Source {
        data_dir: &data,
        store: &store,
        config: None,
    };
    let first = make(source, &data.join("backups"), NOW).unwrap();
    let files = verify(&first).unwrap().files;
    assert!(
        files.iter().all(|entry| !entry.path.contains("backups")),
        "{files:?}"
    );
}
