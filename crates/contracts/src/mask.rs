//! Which fields of an answer's items are wanted: AIP-157's `read_mask`.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, MessageDescriptor};
use prost_types::FieldMask;

/// Everything in `proto/`, to be looked at by its names.
pub static POOL: LazyLock<Result<DescriptorPool, String>> =
    LazyLock::new(|| DescriptorPool::decode(crate::DESCRIPTORS).map_err(|error| error.to_string()));

/// The fields wanted of messages of one type.
#[derive(Debug, Clone)]
pub struct ReadMask {
    message: MessageDescriptor,
    unwanted: Vec<FieldDescriptor>,
}

/// A mask that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMask {
    #[error("{message} has no field {path:?}; it has {known}")]
    UnknownField { message: String, path: String, known: String },
    /// The type's own name is wrong: nothing that a caller could mend.
    #[error("no message {0}")]
    UnknownMessage(String),
}

impl ReadMask {
    /// Of the type named (`perennial.cta.v1.Cta`). No mask, an empty one and `*` want everything; else the fields
    /// named, none of them within another.
    pub fn new(message: &str, mask: Option<&FieldMask>) -> Result<Self, BadMask> {
        let descriptor = POOL.as_ref().ok().and_then(|pool| pool.get_message_by_name(message));
        let message = descriptor.ok_or_else(|| BadMask::UnknownMessage(message.to_owned()))?;
        let paths = mask.map_or(&[][..], |mask| &mask.paths);
        if paths.is_empty() || paths.iter().any(|path| path == "*") {
            return Ok(Self { message, unwanted: Vec::new() });
        }
        if let Some(path) = paths.iter().find(|path| message.get_field_by_name(path).is_none()) {
            let known: Vec<String> = message.fields().map(|field| field.name().to_owned()).collect();
            let (message, known) = (message.name().to_owned(), known.join(", "));
            return Err(BadMask::UnknownField { message, path: path.clone(), known });
        }
        let unwanted = message.fields().filter(|field| !paths.iter().any(|path| path == field.name()));
        Ok(Self { unwanted: unwanted.collect(), message })
    }

    /// The message with the fields wanted, the others as if they had never been set.
    pub fn keep<M: Message + Default>(&self, item: M) -> M {
        if self.unwanted.is_empty() {
            return item;
        }
        // What is encoded here can be decoded here.
        let kept = DynamicMessage::decode(self.message.clone(), item.encode_to_vec().as_slice());
        let kept = kept.and_then(|mut kept| {
            self.unwanted.iter().for_each(|field| kept.clear_field(field));
            M::decode(kept.encode_to_vec().as_slice())
        });
        kept.unwrap_or(item)
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::ReadMask;
    use crate::{account::Reason, cta::Cta};

    const CTA: &str = "perennial.cta.v1.Cta";

    fn cta() -> Cta {
        let reasons = vec![Reason { comparison: "silent".into(), ..Reason::default() }];
        Cta {
            cta: "c".into(),
            title: "Call them".into(),
            priority: 2,
            due_day: Some(0),
            reasons,
            ..Cta::default()
        }
    }

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() }
    }

    #[test]
    fn the_fields_named_are_kept_and_no_others() {
        let check = |paths: &[&str], expected: Cta| {
            let kept = ReadMask::new(CTA, Some(&mask(paths))).unwrap().keep(cta());
            assert_eq!(kept, expected, "{paths:?}");
        };
        check(&["cta", "due_day"], Cta { cta: "c".into(), due_day: Some(0), ..Cta::default() });
        check(&["reasons"], Cta { reasons: cta().reasons, ..Cta::default() });
        check(&["outcome"], Cta::default());
        check(&[], cta());
        check(&["*"], cta());
        assert_eq!(ReadMask::new(CTA, None).unwrap().keep(cta()), cta());
    }

    #[test]
    fn a_field_that_there_is_not_is_refused_with_those_there_are() {
        let refused = ReadMask::new(CTA, Some(&mask(&["cta", "prio"]))).unwrap_err().to_string();
        assert!(refused.starts_with("Cta has no field \"prio\"; it has cta, account, type, "), "{refused}");
        assert!(ReadMask::new(CTA, Some(&mask(&["reasons.value"]))).is_err());
        assert!(ReadMask::new("perennial.cta.v1.Nothing", None).is_err());
    }
}
