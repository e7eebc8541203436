//! Settings without what nobody else should read. Pure.
//!
//! Secrets stand in files of their own and settings name only those. What is left are URLs, which may hold one anywhere
//! behind the host: a token in the path is common.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// The same settings, with no more of a URL than scheme, host and port.
#[must_use]
pub fn redacted(settings: &Table) -> Table {
    settings.iter().map(|(key, value)| (key.clone(), value_redacted(value))).collect()
}

fn value_redacted(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text_redacted(text)),
        Value::Array(items) => Value::Array(items.iter().map(value_redacted).collect()),
        Value::Table(table) => Value::Table(redacted(table)),
        other => other.clone(),
    }
}

fn text_redacted(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = if path.len() > 1 { "/.." } else { "" };
    format!("{scheme}://{host}{path}")
}

/// One value that differs, in words of the settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its key, with dots.
    pub key: String,
    /// What it was; `None` where it was not set.
    pub from: Option<String>,
    /// What it will be; `None` where it will not be set.
    pub to: Option<String>,
}

/// What differs between two settings, by key; what is secret is not shown.
#[must_use]
pub fn changes(from: &Table, to: &Table) -> Vec<Change> {
    let [from, to] = [from, to].map(|table| {
        let mut flat = BTreeMap::new();
        flatten("", table, &mut flat);
        flat
    });
    let keys: std::collections::BTreeSet<_> = from.keys().chain(to.keys()).collect();
    let shown = |value: Option<&&Value>| value.map(|&value| value_redacted(value).to_string());
    keys.into_iter()
        .filter(|key| from.get(*key) != to.get(*key))
        .map(|key| {
            let (from, to) = (shown(from.get(key)), shown(to.get(key)));
            Change { key: key.clone(), from, to }
        })
        .collect()
}

fn flatten<'a>(prefix: &str, table: &'a Table, flat: &mut BTreeMap<String, &'a Value>) {
    for (key, value) in table {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(table) => flatten(&key, table, flat),
            Value::Array(items) if items.iter().any(Value::is_table) => {
                for (n, item) in items.iter().enumerate() {
                    let Value::Table(table) = item else { continue };
                    // Called as people call it: its place says nothing.
                    let name = ["name", "ae_title"].iter().find_map(|it| table.get(*it)?.as_str());
                    let name = name.map_or_else(|| (n + 1).to_string(), str::to_owned);
                    flatten(&format!("{key}.{name}"), table, flat);
                }
            }
            value => {
                flat.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_its_host_alone() {
        let check = |text: &str, expected: &str| assert_eq!(text_redacted(text), expected);
        check(
            "https://u:secret@hook.example:8443/T0/secret?a=secret#secret",
            "https://hook.example:8443/..",
        );
        check("https://hook.example?secret", "https://hook.example/..");
        check("https://hook.example/", "https://hook.example");
        check("https://a@secret@hook.example", "https://hook.example");
        check("/etc/parotidd/ward.secret", "/etc/parotidd/ward.secret");
    }

    #[test]
    fn differences_are_named_as_people_write_them() {
        let parse = |text: &str| toml::from_str::<Table>(text).unwrap();
        let a = parse(
            "a = 1\nb = [1, 2]\nurl = 'http://h/one'\n[t]\nc = 'x'\n[[d]]\nname = 'ward'\nurl = 'http://u/old'",
        );
        let b = parse(
            "a = 1\nb = [1]\n[t]\nc = 'x'\ne = true\n[[d]]\nname = 'ward'\nurl = 'http://u/new'",
        );
        let found: Vec<_> = changes(&a, &b)
            .into_iter()
            .map(|it| format!("{}: {:?} {:?}", it.key, it.from, it.to))
            .collect();
        let expected = [
            "b: Some(\"[1, 2]\") Some(\"[1]\")",
            "d.ward.url: Some(\"\\\"http://u/..\\\"\") Some(\"\\\"http://u/..\\\"\")",
            "t.e: None Some(\"true\")",
            "url: Some(\"\\\"http://h/..\\\"\") None",
        ];
        assert_eq!(found, expected);
        assert_eq!(changes(&a, &a), []);
    }
}
