//! Who contacts are: asked of ingest's directory when a message is written, for names stand in no log.
//!
//! A message does not wait for names: whom the directory does not name at once is `a contact`.

use std::{collections::BTreeMap, time::Duration};

use contracts::ingest::{GetContactRequest, admin_service_client::AdminServiceClient};
use serde_json::Value as Json;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

/// For all names of a message together.
const PATIENCE: Duration = Duration::from_secs(2);

/// Clones share a connection.
#[derive(Clone, Default)]
pub(crate) struct Directory(Option<AdminServiceClient<Channel>>);

impl Directory {
    /// At ingest's gRPC address; without one nobody has a name.
    ///
    /// # Errors
    /// When that is no address.
    pub(crate) fn at(uri: Option<&str>) -> anyhow::Result<Self> {
        let Some(uri) = uri else { return Ok(Self(None)) };
        let endpoint = Endpoint::from_shared(uri.to_owned())?.connect_timeout(PATIENCE);
        Ok(Self(Some(AdminServiceClient::new(endpoint.connect_lazy()))))
    }

    /// Names by pseudonym, of those that it names in time.
    pub(super) async fn names(&self, workspace: &str, contacts: &[String]) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        let Some(client) = &self.0 else { return names };
        let asking = async {
            for contact in contacts {
                let request = GetContactRequest { workspace: workspace.to_owned(), contact: contact.clone() };
                let found = client.clone().get_contact(request).await?.into_inner();
                if let Some(name) = name(&found.names_json) {
                    names.insert(contact.clone(), name);
                }
            }
            Ok::<(), tonic::Status>(())
        };
        match timeout(PATIENCE, asking).await {
            Ok(Ok(())) => {}
            Ok(Err(status)) => tracing::warn!(code = ?status.code(), "names of contacts are not to be had"),
            Err(_) => tracing::warn!("the directory of contacts does not answer in time"),
        }
        names
    }
}

/// As people call somebody of whom the directory has this.
fn name(names: &str) -> Option<String> {
    let names: BTreeMap<String, Json> = serde_json::from_str(names).ok()?;
    let find = |wanted: &[&str]| {
        let spelled = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
        let text = |(name, value): (&String, &Json)| {
            let found = wanted.contains(&spelled(name).as_str()).then(|| value.as_str())??;
            Some(found.trim().to_owned()).filter(|text| !text.is_empty())
        };
        names.iter().find_map(text)
    };
    let whole = find(&["name", "fullname", "displayname"]);
    let (given, family) = (find(&["firstname", "givenname"]), find(&["lastname", "familyname", "surname"]));
    let parts: Vec<String> = given.into_iter().chain(family).collect();
    whole.or_else(|| Some(parts.join(" ")).filter(|name| !name.is_empty())).or_else(|| find(&["email"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_called_by_the_best_name_there_is() {
        let check = |names, expected: Option<&str>| assert_eq!(name(names).as_deref(), expected, "{names}");
        check(r#"{"email": "a@b.c", "name": "Ana Ruiz", "firstName": "A"}"#, Some("Ana Ruiz"));
        check(r#"{"email": "a@b.c", "firstName": "Ana", "last_name": "Ruiz"}"#, Some("Ana Ruiz"));
        check(r#"{"email": "a@b.c", "phone": "1"}"#, Some("a@b.c"));
        check(r#"{"name": "  ", "phone": "1"}"#, None);
        check("{}", None);
    }

    #[tokio::test]
    async fn without_a_directory_nobody_has_a_name() -> anyhow::Result<()> {
        let nowhere = Directory::at(Some("http://127.0.0.1:1"))?;
        assert!(nowhere.names("acme", &["1".to_owned()]).await.is_empty());
        assert!(Directory::at(None)?.names("acme", &["1".to_owned()]).await.is_empty());
        Ok(())
    }
}
