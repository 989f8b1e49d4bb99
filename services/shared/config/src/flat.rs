//! Tables as one flat map: `section.key` to value.

use std::collections::BTreeMap;

use config::{FileFormat, Format, Map, Value, ValueKind};

use crate::Error;

pub(crate) type Flat = BTreeMap<String, ValueKind>;

/// Parses TOML; `origin` names the text in errors.
pub(crate) fn parse(text: &str, origin: &str) -> Result<Flat, Error> {
    let table = FileFormat::Toml.parse(None, text).map_err(|cause| {
        // The first line says where; the others quote what is there, which may be a secret.
        let place = cause.to_string().lines().next().unwrap_or_default().to_owned();
        Error::Malformed { origin: origin.to_owned(), place }
    })?;
    let mut flat = Flat::new();
    flatten("", table, &mut flat);
    Ok(flat)
}

fn flatten(prefix: &str, table: Map<String, Value>, into: &mut Flat) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value.kind {
            ValueKind::Table(inner) => flatten(&path, inner, into),
            kind => {
                into.insert(path, kind);
            }
        }
    }
}

/// What a setting of the same type as `default` must be, for people.
pub(crate) fn type_name(default: &ValueKind) -> &'static str {
    match default {
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a whole number",
        ValueKind::Float(_) => "a number",
        ValueKind::Array(_) => "a list",
        ValueKind::String(_) | ValueKind::Nil | ValueKind::Table(_) => "text",
    }
}

/// Whether `value` has the type of `default`. A whole number may stand for a number.
pub(crate) fn same_type(default: &ValueKind, value: &ValueKind) -> bool {
    let whole = type_name(&ValueKind::I64(0));
    type_name(default) == type_name(value)
        || (matches!(default, ValueKind::Float(_)) && type_name(value) == whole)
}

/// Reads text (from the environment or the command line) as a value of the type of `default`.
pub(crate) fn from_text(default: &ValueKind, text: &str) -> Option<ValueKind> {
    Some(match default {
        ValueKind::Boolean(_) => ValueKind::Boolean(text.trim().parse().ok()?),
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            ValueKind::I64(text.trim().parse().ok()?)
        }
        ValueKind::Float(_) => ValueKind::Float(text.trim().parse().ok()?),
        ValueKind::Array(_) => ValueKind::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::new(None, ValueKind::String(item.to_owned())))
                .collect(),
        ),
        ValueKind::String(_) | ValueKind::Nil | ValueKind::Table(_) => ValueKind::String(text.to_owned()),
    })
}
