//! Ids in addresses of no known kind: the last segment of the address that a response gives to what it
//! made, where that looks like an id.

use crate::identity::percent::percent_decoded;

/// Shortest segment that is taken for an id.
const SHORTEST: usize = 8;
/// Longest one.
const LONGEST: usize = 128;

/// The id of what a response to a request for `target` made, by its address: the last segment that
/// looks like an id and is none of the request's own.
pub(super) fn made(address: &str, target: &str) -> Option<String> {
    let known: Vec<String> = all(target).collect();
    all(address).filter(|id| !known.contains(id)).last()
}

/// The segments of a path that look like ids, decoded.
pub(super) fn all(target: &str) -> impl Iterator<Item = String> {
    let path = target.split(['?', '#']).next().unwrap_or("");
    let path =
        path.split_once("://").map_or(path, |(_, rest)| rest.split_once('/').map_or("", |it| it.1));
    path.split('/').filter_map(|segment| {
        let segment = percent_decoded(segment)?;
        // A method's name may follow (`abc:cancel`).
        let id = segment.split(':').next().unwrap_or("");
        looks_like_an_id(id).then(|| id.to_owned())
    })
}

/// Names of models, versions and deployments look alike, but are in the path of the request that made
/// something, too.
fn looks_like_an_id(segment: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&segment.len())
        && segment.bytes().any(|byte| byte.is_ascii_digit())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::made;

    #[test]
    fn what_was_made_is_found_by_its_address() {
        let id = "f508bcf2-e651-4b4b-85a7-58ad77981ffa";
        for (address, target) in [
            (format!("https://h/openai/operations/images/{id}?api-version=1"), "/openai/images"),
            (format!("/work/{id}"), "/work"),
            (format!("../work/{id}/result"), "/work?x=1"),
            (
                format!("https://h:8/deployments/gpt-4o-2024/op/{id}:poll"),
                "/deployments/gpt-4o-2024/x",
            ),
        ] {
            assert_eq!(made(&address, target).as_deref(), Some(id), "{address}");
        }
        for (address, target) in [
            ("https://host-12345678.example", "/x"),
            ("/login", "/x"),
            ("/deployments/gpt-4o-2024", "/deployments/gpt-4o-2024/x"),
            ("/a/1234567", "/a"),
            ("", ""),
        ] {
            assert_eq!(made(address, target), None, "{address}");
        }
    }
}
