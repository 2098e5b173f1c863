//! From JSON to YAML, as people edit it. What is written is read back as the same.

use saphyr::{Mapping, Scalar, ScalarStyle, Yaml, YamlEmitter};
use serde_json::Value;

/// A document in block style, without the `---` that begins one.
pub(crate) fn to_yaml(document: &Value) -> anyhow::Result<String> {
    let mut text = String::new();
    YamlEmitter::new(&mut text).dump(&yaml(document))?;
    Ok(format!("{}\n", text.trim_start_matches("---\n").trim_end_matches('\n')))
}

/// Numbers keep their text.
fn yaml(value: &Value) -> Yaml<'_> {
    match value {
        Value::Null => Yaml::Value(Scalar::Null),
        Value::Bool(truth) => Yaml::Value(Scalar::Boolean(*truth)),
        Value::Number(number) => Yaml::Representation(number.to_string().into(), ScalarStyle::Plain, None),
        Value::String(text) => Yaml::Value(Scalar::String(text.as_str().into())),
        Value::Array(items) => Yaml::Sequence(items.iter().map(yaml).collect()),
        Value::Object(entries) => {
            let entry = |(key, value)| (Yaml::Value(Scalar::String(String::as_str(key).into())), yaml(value));
            Yaml::Mapping(entries.iter().map(entry).collect::<Mapping<'_>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::to_yaml;
    use crate::document::Document;

    #[test]
    fn what_is_written_is_read_back_as_the_same() {
        let words = [
            "",
            " ",
            "~",
            "null",
            "yes",
            "true",
            "False",
            "007",
            "1.0",
            "-3",
            "1e3",
            "0x1F",
            "a: b",
            "- a",
            "#x",
            "a #b",
            "'",
            "\"",
            "`",
            "@x",
            "%x",
            "&a",
            "*a",
            "!t",
            "|",
            ">",
            "two\nlines",
            "tab\there",
            "end ",
            "ü €",
            "{a",
            "[b",
            "a, b",
            "? x",
            "https://crm.example.com/x?y=1#z",
            "---",
            "...",
            "\\",
        ];
        for word in words {
            let document = json!({"list": [word, [word], {word: word}], word: word, "e": [], "o": {}});
            let text = to_yaml(&document).unwrap();
            let read = Document::parse("x.yaml", text.clone()).map_err(|problem| problem.to_string());
            assert_eq!(read.map(|read| read.json()), Ok(document), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_back_as_the_same(
            word in "[\\x01-\\x1f\\x7f-\\u{a0}\\u{2028}\\u{2029}\\u{feff}:#\\-'\" a]{0,8}", other in proptest::prelude::any::<String>(),
        ) {
            for word in [word, other.replace('\0', "")] {
                let document = json!({"list": [&word], &word: [{&word: &word}]});
                let text = to_yaml(&document).unwrap();
                let read = Document::parse("x.yaml", text.clone()).map_err(|problem| problem.to_string());
                proptest::prop_assert_eq!(read.map(|read| read.json()), Ok(document), "{}", text);
            }
        }
    }

    #[test]
    fn it_is_written_as_people_write_it() {
        let text = r#"{"measures": {"orders": {"count": {"window": {"days": 0.10}}}}, "caps": [{"name": "silent", "at_most": 30}]}"#;
        let document: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            to_yaml(&document).unwrap(),
            "caps:\n  - at_most: 30\n    name: silent\nmeasures:\n  orders:\n    count:\n      window:\n        days: 0.10\n"
        );
    }
}
