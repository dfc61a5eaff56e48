//! Compiles the contract without a system `protoc`, and writes the field table and the visitors that
//! pages, exports, rules and `what-is-collected` read: the custom options are their only source.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumValueDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};

const FILES: [&str; 5] = [
    "deskwarden/v1/options.proto",
    "deskwarden/v1/facets.proto",
    "deskwarden/v1/session.proto",
    "deskwarden/v1/enrolment.proto",
    "deskwarden/v1/admission.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut compiler = protox::Compiler::new(["."])?;
    compiler.include_imports(true).open_files(FILES)?;
    let encoded = compiler.encode_file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let grpc = env::var_os("CARGO_FEATURE_GRPC").is_some();
    tonic_prost_build::configure()
        .build_client(grpc)
        .build_server(grpc)
        .codec_path("crate::codec::SmallBuffers")
        .bytes(".deskwarden.v1.Record.payload")
        .bytes(".deskwarden.v1.Item.facet")
        .bytes(".deskwarden.v1.Item.local")
        .compile_fds(compiler.file_descriptor_set())?;

    let pool = DescriptorPool::decode(encoded.as_slice())?;
    fs::write(out.join("describe.rs"), describe(&pool)?)?;
    Ok(())
}

/// Rust source: `SECTIONS`, the documentation of every field, and one `Describe` impl per message.
fn describe(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let doc = pool
        .get_extension_by_name("deskwarden.v1.doc")
        .ok_or("no doc option")?;
    let section = pool
        .get_extension_by_name("deskwarden.v1.section")
        .ok_or("no section option")?;
    let facet = pool
        .get_message_by_name("deskwarden.v1.Facet")
        .ok_or("no Facet")?;
    let mut source = String::new();
    let mut sections = String::new();
    let mut arms = String::new();
    let mut makers = String::new();
    for kind in facet.fields() {
        let Kind::Message(message) = kind.kind() else {
            return Err("Facet holds messages only".into());
        };
        let options = message.options();
        if !options.has_extension(&section) {
            return Err(format!("{} lacks the section option", message.name()).into());
        }
        let about = options.get_extension(&section);
        let about = about.as_message().ok_or("section option is a message")?;
        writeln!(
            sections,
            "    SectionDoc {{ section: Section::{name}, name: {lower:?}, zh: {:?}, en: {:?}, purpose_zh: {:?}, \
             purpose_en: {:?}, revision: {}, fields: &{upper}_FIELDS }},",
            text(about, "zh"),
            text(about, "en"),
            text(about, "purpose_zh"),
            text(about, "purpose_en"),
            number(about, "revision"),
            name = message.name(),
            lower = kind.name(),
            upper = message.name().to_uppercase(),
        )?;
        writeln!(
            arms,
            "        facet::Kind::{}(m) => m.describe(visitor),",
            message.name()
        )?;
        writeln!(
            makers,
            "        Section::{0} => read::<{0}>(fields).map(facet::Kind::{0}),",
            message.name()
        )?;
        writeln!(
            source,
            "impl From<{name}> for Facet {{ fn from(m: {name}) -> Self {{ Self {{ kind: Some(facet::Kind::{name}(m)) }} }} }}",
            name = message.name()
        )?;
        message_source(&mut source, &message, &doc)?;
    }
    for name in ["Address", "Local"] {
        let message = pool
            .get_message_by_name(&format!("deskwarden.v1.{name}"))
            .ok_or("message is missing")?;
        message_source(&mut source, &message, &doc)?;
    }
    Ok(format!(
        "/// Every section of this build, in the order of the contract.\npub static SECTIONS: [SectionDoc; {}] = [\n{sections}];\n\
         impl Describe for facet::Kind {{\n    fn describe(&self, visitor: &mut dyn Visitor) {{\n        match self {{\n{arms}        }}\n    }}\n}}\n\
         fn read_kind(section: Section, fields: &Map<String, Value>) -> Result<facet::Kind, NotAFacet> {{\n    match section {{\n\
         {makers}        Section::Unspecified => Err(NotAFacet::section()),\n    }}\n}}\n{source}",
        facet.fields().len()
    ))
}

fn message_source(
    out: &mut String,
    message: &MessageDescriptor,
    doc: &prost_reflect::ExtensionDescriptor,
) -> Result<(), Box<dyn Error>> {
    let upper = message.name().to_uppercase();
    let mut table = String::new();
    let mut calls = String::new();
    let mut setters = String::new();
    for (index, field) in message.fields().enumerate() {
        let options = field.options();
        if !options.has_extension(doc) {
            return Err(format!(
                "{}.{} does not say why it is collected",
                message.name(),
                field.name()
            )
            .into());
        }
        let about = options.get_extension(doc);
        let about = about.as_message().ok_or("doc option is a message")?;
        let sensitivity = match number(about, "sensitivity") {
            1 => "Technical",
            2 => "Device",
            3 => "Personal",
            _ => return Err(format!("{}.{} has no sensitivity", message.name(), field.name()).into()),
        };
        let (purpose_zh, purpose_en) = (text(about, "purpose_zh"), text(about, "purpose_en"));
        if purpose_zh.is_empty() || purpose_en.is_empty() {
            return Err(format!(
                "{}.{} does not say in both languages why it is collected",
                message.name(),
                field.name()
            )
            .into());
        }
        writeln!(
            table,
            "    FieldDoc {{ name: {:?}, zh: {:?}, en: {:?}, purpose_zh: {:?}, purpose_en: {:?}, \
             sensitivity: FieldSensitivity::{sensitivity}, since: {} }},",
            field.name(),
            text(about, "zh"),
            text(about, "en"),
            purpose_zh,
            purpose_en,
            number(about, "since").max(1),
        )?;
        calls.push_str(&call(&field, &format!("&{upper}_FIELDS[{index}]"))?);
        setters.push_str(&setter(&field)?);
    }
    writeln!(
        out,
        "/// Documentation of the fields of `{name}`.\npub static {upper}_FIELDS: [FieldDoc; {n}] = [\n{table}];\nimpl Describe for {name} {{\n    fn describe(&self, visitor: &mut dyn Visitor) {{\n{calls}    }}\n}}\n\
         impl FromFields for {name} {{\n    fn set(&mut self, name: &str, value: &Value) -> Option<()> {{\n        match name {{\n{setters}            _ => return None,\n        }}\n        Some(())\n    }}\n}}",
        name = message.name(),
        n = message.fields().len(),
    )?;
    Ok(())
}

fn call(field: &FieldDescriptor, doc: &str) -> Result<String, Box<dyn Error>> {
    let name = match field.name() {
        "type" => "r#type",
        other => other,
    };
    let line = match (field.kind(), field.is_list()) {
        (Kind::String, false) => format!("visitor.text({doc}, &self.{name});"),
        (Kind::String, true) => format!("visitor.texts({doc}, &self.{name});"),
        (Kind::Bool, false) => format!("visitor.flag({doc}, self.{name});"),
        (Kind::Uint32, false) => format!("visitor.number({doc}, u64::from(self.{name}));"),
        (Kind::Uint64, false) => format!("visitor.number({doc}, self.{name});"),
        (Kind::Enum(kind), false) => {
            let prefix = screaming(kind.name());
            let mut arms = String::new();
            for value in kind.values() {
                write!(
                    arms,
                    "{} => Some({:?}), ",
                    value.number(),
                    short_name(&value, &prefix)
                )?;
            }
            format!("visitor.choice({doc}, self.{name}, match self.{name} {{ {arms}_ => None }});")
        }
        (Kind::Message(_), true) => {
            format!("visitor.list({doc}, &mut self.{name}.iter().map(|m| m as &dyn Describe));")
        }
        (kind, list) => {
            return Err(format!("{}: {kind:?} (list {list}) has no visitor", field.full_name()).into());
        }
    };
    Ok(format!("        {line}\n"))
}

/// `ADDRESS_MODE_DHCP` is shown as `dhcp`, zero as nothing.
fn short_name(value: &EnumValueDescriptor, prefix: &str) -> String {
    if value.number() == 0 {
        return String::new();
    }
    value
        .name()
        .strip_prefix(prefix)
        .unwrap_or(value.name())
        .trim_start_matches('_')
        .to_lowercase()
}

/// The inverse of [`call`]: one match arm that reads the field from its JSON form.
fn setter(field: &FieldDescriptor) -> Result<String, Box<dyn Error>> {
    let name = field.name();
    let value = match (field.kind(), field.is_list()) {
        (Kind::String, false) => "value.as_str()?.to_owned()".to_owned(),
        (Kind::String, true) => {
            "value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<_>>()?"
                .to_owned()
        }
        (Kind::Bool, false) => "value.as_bool()?".to_owned(),
        (Kind::Uint32, false) => "u32::try_from(value.as_u64()?).ok()?".to_owned(),
        (Kind::Uint64, false) => "value.as_u64()?".to_owned(),
        (Kind::Enum(kind), false) => {
            let prefix = screaming(kind.name());
            let mut arms = String::new();
            for value in kind.values() {
                write!(arms, "{:?} => {}, ", short_name(&value, &prefix), value.number())?;
            }
            format!("match value.as_str()? {{ {arms}_ => return None }}")
        }
        (Kind::Message(message), true) => {
            let name = message.name();
            format!(
                "value.as_array()?.iter().map(|v| read::<{name}>(v.as_object()?).ok()).collect::<Option<_>>()?"
            )
        }
        (kind, list) => {
            return Err(format!("{}: {kind:?} (list {list}) cannot be read", field.full_name()).into());
        }
    };
    Ok(format!("            {name:?} => self.{name} = {value},\n"))
}

fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_uppercase());
    }
    out
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn number(message: &DynamicMessage, field: &str) -> u32 {
    match message.get_field_by_name(field).as_deref() {
        Some(Value::U32(n)) => *n,
        Some(Value::EnumNumber(n)) => u32::try_from(*n).unwrap_or(0),
        _ => 0,
    }
}
