//! Owns: keys that come into a project's settings beside those that stand there.
//! Never: changes a key that is there, or hands out a text that does not read.

use std::collections::BTreeMap;

use super::{ConfigError, Origin, PROJECT, ProjectSettings, layer::Layer, table_of};

/// A key that is to be set where it is not.
#[derive(Debug, Clone)]
pub struct Addition {
    pub key: String,
    pub value: toml_edit::Item,
    /// One line that says where it comes from.
    pub comment: String,
}

/// Every key that a project's settings set, with its value; a list of tables is one value.
///
/// Errors: as of reading them.
pub fn project_values(
    text: &str,
    label: &str,
) -> Result<BTreeMap<String, toml::Value>, ConfigError> {
    let layer = Layer::parse::<ProjectSettings>(PROJECT, text, Origin::File(label.to_owned()))?;
    Ok(layer.leaves())
}

/// Returns `text` with these keys; comments and order of what stands there stay.
///
/// Errors: what reading the changed text would say.
pub fn merged(text: &str, label: &str, additions: &[Addition]) -> Result<String, ConfigError> {
    let mut file = super::document(text, label)?;
    for one in additions {
        let (table, last) = table_of::<ProjectSettings>(&mut file, &one.key, label)?;
        if table.contains_key(last) {
            continue;
        }
        let mut value = one.value.clone();
        let comment = format!(" # {}", one.comment);
        match &mut value {
            toml_edit::Item::Value(value) => value.decor_mut().set_suffix(comment),
            toml_edit::Item::ArrayOfTables(tables) => {
                if let Some(first) = tables.get_mut(0) {
                    first.decor_mut().set_prefix(format!("\n{}\n", comment.trim_start()));
                }
            }
            toml_edit::Item::Table(_) | toml_edit::Item::None => {}
        }
        drop(table.insert(last, value));
    }
    let changed = file.to_string();
    Layer::parse::<ProjectSettings>(PROJECT, &changed, Origin::File(label.to_owned()))?;
    Ok(changed)
}

/// The same value as a reader of the file gets it.
pub fn value_of(item: &toml_edit::Item) -> toml::Value {
    let mut file = toml_edit::DocumentMut::new();
    file.insert("value", item.clone());
    let read: Option<toml::Table> = toml::from_str(&file.to_string()).ok();
    let read = read.and_then(|mut table| table.remove("value"));
    read.unwrap_or_else(|| toml::Value::String(String::new()))
}
