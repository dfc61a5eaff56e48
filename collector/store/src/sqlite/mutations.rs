//! Whatever is changed in the stored audit log is found: ten thousand changes at random, each undone after it.

use rusqlite::{Connection, params};

use super::connection::SqliteConnection;
use crate::{
    audit::verify,
    conformance::world::{NOW, audit},
};

const CHANGES: u32 = 10_000;
const DAY: i64 = 86_400_000;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn text_of(dice: &mut Dice, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = usize::try_from(dice.below(chars.len() as u64 + 1)).unwrap();
    match dice.below(3) {
        0 => chars.insert(at, char::from(u8::try_from(33 + dice.below(90)).unwrap())),
        1 if at < chars.len() => drop(chars.remove(at)),
        _ if at < chars.len() => chars[at] = char::from_u32(chars[at] as u32 ^ 1).unwrap_or('x'),
        _ => chars.push('，'),
    }
    chars.into_iter().collect()
}

fn blob_of(dice: &mut Dice, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
    bytes[at] ^= 1 << dice.below(8);
    bytes
}

/// Changes one value or one row; `None` where the database itself refused it.
fn change(raw: &Connection, dice: &mut Dice, sequences: &[i64], pseudonyms: &[String]) -> Option<String> {
    let sequence = *dice.one(sequences);
    let other = *dice.one(sequences);
    let told = |what: String, done: rusqlite::Result<usize>| (done.ok()? > 0).then_some(what);
    let get_text = |column: &str| -> String {
        raw.query_row(
            &format!("SELECT {column} FROM audit WHERE sequence = ?1"),
            [sequence],
            |row| row.get(0),
        )
        .unwrap()
    };
    match dice.below(11) {
        0..=2 => {
            let column = *dice.one(&["actor", "action", "object", "detail"]);
            let value = text_of(dice, &get_text(column));
            let sql = format!("UPDATE audit SET {column} = ?1 WHERE sequence = ?2 AND {column} <> ?1");
            told(format!("{column} of {sequence}"), raw.execute(&sql, params![value, sequence]))
        }
        3 => {
            let column = *dice.one(&["at", "sequence"]);
            let bit = 1i64 << dice.below(62);
            let sql = format!("UPDATE audit SET {column} = ({column} | ?1) - ({column} & ?1) WHERE sequence = ?2");
            told(format!("{column} of {sequence}"), raw.execute(&sql, params![bit, sequence]))
        }
        4 => {
            let hash: Vec<u8> = raw
                .query_row("SELECT hash FROM audit WHERE sequence = ?1", [sequence], |row| row.get(0))
                .unwrap();
            let hash = blob_of(dice, hash);
            told(
                format!("hash of {sequence}"),
                raw.execute("UPDATE audit SET hash = ?1 WHERE sequence = ?2", params![hash, sequence]),
            )
        }
        5 => told(
            format!("{sequence} removed"),
            raw.execute("DELETE FROM audit WHERE sequence = ?1", [sequence]),
        ),
        6 if sequence != other => told(
            format!("{sequence} and {other} exchanged"),
            raw.execute_batch(&format!(
                "UPDATE audit SET sequence = -1 WHERE sequence = {sequence};
                 UPDATE audit SET sequence = {sequence} WHERE sequence = {other};
                 UPDATE audit SET sequence = {other} WHERE sequence = -1"
            ))
            .map(|()| 1),
        ),
        7 => told(
            format!("{sequence} repeated"),
            raw.execute(
                "INSERT INTO audit SELECT ?1, at, actor, action, object, detail, hash FROM audit WHERE sequence = ?2",
                params![sequences.last().unwrap() + 1, sequence],
            ),
        ),
        8 => {
            let table = *dice.one(&["audit_head", "audit_base"]);
            if dice.below(2) == 0 {
                let by = 1 + i64::try_from(dice.below(40)).unwrap();
                let sql = format!("UPDATE {table} SET sequence = sequence + ?1");
                return told(format!("{table}'s number"), raw.execute(&sql, [by]));
            }
            let hash = raw.query_row(&format!("SELECT hash FROM {table}"), [], |row| row.get(0));
            let hash = blob_of(dice, hash.unwrap());
            let sql = format!("UPDATE {table} SET hash = ?1");
            told(format!("{table}'s hash"), raw.execute(&sql, params![hash]))
        }
        // What one field loses, its neighbour gains.
        9 => told(
            format!("a letter of {sequence} moved"),
            raw.execute(
                "UPDATE audit SET action = action || SUBSTR(object, 1, 1), object = SUBSTR(object, 2)
                 WHERE sequence = ?1 AND object <> ''",
                [sequence],
            ),
        ),
        10 => {
            let pseudonym = dice.one(pseudonyms);
            let (name, salt): (String, Vec<u8>) = raw
                .query_row("SELECT name, salt FROM pseudonyms WHERE pseudonym = ?1", [pseudonym], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })
                .unwrap();
            let (name, salt) = match dice.below(2) {
                0 => (text_of(dice, &name), salt),
                _ => (name, blob_of(dice, salt)),
            };
            told(
                format!("who {pseudonym} is"),
                raw.execute(
                    "UPDATE pseudonyms SET name = ?1, salt = ?2 WHERE pseudonym = ?3 AND (name <> ?1 OR salt <> ?2)",
                    params![name, salt, pseudonym],
                ),
            )
        }
        _ => None,
    }
}

#[test]
fn ten_thousand_changes_of_the_audit_log_are_all_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dw.db");
    let store = crate::open(&format!("sqlite:{}", path.display())).unwrap();
    for n in 0..24i64 {
        let mut entry = audit(&format!("action.{n}"));
        entry.at = NOW + n * DAY;
        entry.actor = format!("person{}", n % 5);
        entry.detail = format!("{{\"to\":\"{}\"}}", deskwarden_domain::model::person("张三"));
        store.audit(&entry).unwrap();
    }
    // The chain begins in the middle, as it does after a year.
    assert_eq!(store.prune_audit(NOW + 206 * DAY, 200).unwrap(), 6);
    drop(store);

    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("DROP TRIGGER audit_is_not_updated; DROP TRIGGER audit_is_not_deleted")
        .unwrap();
    let list = |sql: &str| -> Vec<String> {
        let mut statement = raw.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let sequences: Vec<i64> = list("SELECT CAST(sequence AS TEXT) FROM audit ORDER BY sequence")
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    let pseudonyms = list("SELECT pseudonym FROM pseudonyms ORDER BY pseudonym");
    assert_eq!((sequences.len(), pseudonyms.len()), (19, 6));
    let verified = || {
        verify(&mut SqliteConnection {
            connection: &raw,
            path: &path,
            sums: None,
        })
    };
    assert_eq!(verified().unwrap(), Ok(19));

    let mut dice = Dice(7);
    let (mut done, mut missed) = (0, Vec::new());
    while done < CHANGES {
        raw.execute_batch("BEGIN").unwrap();
        if let Some(what) = change(&raw, &mut dice, &sequences, &pseudonyms) {
            done += 1;
            // What can no longer be read at all is found too.
            if matches!(verified(), Ok(Ok(_))) {
                missed.push(what);
            }
        }
        raw.execute_batch("ROLLBACK").unwrap();
    }
    assert!(
        missed.is_empty(),
        "{} of {CHANGES} missed: {:?}",
        missed.len(),
        &missed[..missed.len().min(9)]
    );
    assert_eq!(verified().unwrap(), Ok(19), "every change was undone");
}
