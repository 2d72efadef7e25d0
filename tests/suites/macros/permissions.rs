//! Permissions of a declaration.

use meetbit_client::{Api, Call, api, api_endpoint};

use super::{client, sent};

#[api]
trait Badges: Api {
    #[api_endpoint(get, "/badges", perm = ["users.read.AB12", "access_keys.*.7", "badges.read.9f-0a"])]
    fn badges(&self) -> Call<()>;
}

#[test]
fn a_declared_permission_can_be_parsed_again() {
    assert_eq!(sent(&client().badges()), "GET /badges");
    let declared: Vec<_> = <dyn Badges>::ENDPOINTS[0].permissions().collect();
    assert_eq!(declared.len(), 3);
    assert!(declared.iter().all(|permission| permission.to_string().parse().as_ref() == Ok(permission)));
}
