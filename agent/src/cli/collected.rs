//! `what-is-collected`: generated from the contract, so that it cannot say less than what is sent.

use std::io::Write;

use deskwarden_proto::describe::{FieldDoc, FieldSensitivity, LOCAL_FIELDS, SECTIONS};
use serde_json::{Value, json};

use super::Language;

/// Prints what is collected.
pub(super) fn run(as_json: bool, language: Language, out: &mut impl Write) -> anyhow::Result<()> {
    if as_json {
        serde_json::to_writer_pretty(&mut *out, &all())?;
        writeln!(out)?;
        return Ok(());
    }
    let zh = language == Language::Zh;
    let intro = if zh {
        "本程序只收集下列信息，不收集键盘输入、屏幕画面、文件内容和浏览记录。"
    } else {
        "This agent collects what is listed here, and no keystrokes, screens, contents of files or browsing."
    };
    writeln!(out, "{intro}")?;
    for section in &SECTIONS {
        let (label, purpose) = if zh {
            (section.zh, section.purpose_zh)
        } else {
            (section.en, section.purpose_en)
        };
        writeln!(out, "\n{label} ({})\n  {purpose}", section.name)?;
        fields(section.fields, zh, out)?;
    }
    let label = if zh {
        "每一项还附带"
    } else {
        "With every item"
    };
    writeln!(out, "\n{label}")?;
    fields(&LOCAL_FIELDS, zh, out)
}

fn fields(fields: &[FieldDoc], zh: bool, out: &mut impl Write) -> anyhow::Result<()> {
    for field in fields {
        let sensitivity = sensitivity(field.sensitivity, zh);
        if zh {
            writeln!(out, "  - {}（{sensitivity}）：{}", field.zh, field.purpose_zh)?;
        } else {
            writeln!(out, "  - {} [{sensitivity}]: {}", field.en, field.purpose_en)?;
        }
    }
    Ok(())
}

fn all() -> Value {
    let fields = |fields: &[FieldDoc]| -> Vec<Value> {
        fields
            .iter()
            .map(|field| {
                json!({
                    "name": field.name,
                    "zh": field.zh,
                    "en": field.en,
                    "purpose_zh": field.purpose_zh,
                    "purpose_en": field.purpose_en,
                    "sensitivity": sensitivity(field.sensitivity, false),
                })
            })
            .collect()
    };
    let sections: Vec<Value> = SECTIONS
        .iter()
        .map(|section| {
            json!({
                "name": section.name,
                "zh": section.zh,
                "en": section.en,
                "purpose_zh": section.purpose_zh,
                "purpose_en": section.purpose_en,
                "revision": section.revision,
                "fields": fields(section.fields),
            })
        })
        .collect();
    json!({"sections": sections, "with_every_item": fields(&LOCAL_FIELDS)})
}

const fn sensitivity(sensitivity: FieldSensitivity, zh: bool) -> &'static str {
    match (sensitivity, zh) {
        (FieldSensitivity::Technical, true) => "技术信息",
        (FieldSensitivity::Device, true) => "设备标识",
        (FieldSensitivity::Personal, true) => "个人信息",
        (FieldSensitivity::Technical, false) => "technical",
        (FieldSensitivity::Device, false) => "device",
        (FieldSensitivity::Personal, false) => "personal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(language: Language) -> String {
        let mut out = Vec::new();
        run(false, language, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_section_and_field_is_told_in_both_languages() {
        let (zh, en) = (printed(Language::Zh), printed(Language::En));
        for section in &SECTIONS {
            assert!(
                zh.contains(section.zh) && zh.contains(section.purpose_zh),
                "{}",
                section.name
            );
            assert!(
                en.contains(section.en) && en.contains(section.purpose_en),
                "{}",
                section.name
            );
            for field in section.fields {
                let line = |label, purpose| (format!("- {label}"), format!("{purpose}\n"));
                for (told, (label, purpose)) in [
                    (&zh, line(field.zh, field.purpose_zh)),
                    (&en, line(field.en, field.purpose_en)),
                ] {
                    assert!(
                        told.contains(&label) && told.contains(&purpose),
                        "{}.{}",
                        section.name,
                        field.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_json_has_a_purpose_for_every_field() {
        let mut out = Vec::new();
        run(true, Language::En, &mut out).unwrap();
        let json: Value = serde_json::from_slice(&out).unwrap();
        let sections = json["sections"].as_array().unwrap();
        assert_eq!(sections.len(), SECTIONS.len());
        for section in sections {
            for field in section["fields"].as_array().unwrap() {
                assert_ne!(field["purpose_zh"], "", "{field}");
                assert_ne!(field["purpose_en"], "", "{field}");
            }
        }
    }
}
