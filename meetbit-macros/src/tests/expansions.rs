//! The expansion of each kind of declaration, formatted, as a snapshot to review like code.
#![allow(clippy::unwrap_used, reason = "a declaration that does not parse is a broken test")]

use insta::assert_snapshot;
use proc_macro2::TokenStream;
use quote::quote;

use crate::{api, endpoint};

/// A trait with its own attribute and its endpoints' expanded, as rustc does it.
pub(crate) fn expand_trait(source: &str) -> String {
    let mut item: syn::ItemTrait = syn::parse_str(source).unwrap();
    let api = take(&mut item.attrs, "api");
    let tokens = api.map_or_else(|| quote!(#item), |args| api::expand(args, quote!(#item)));
    let mut file: syn::File = syn::parse2(tokens).unwrap();
    for item in &mut file.items {
        if let syn::Item::Trait(item) = item {
            item.items = std::mem::take(&mut item.items).into_iter().flat_map(expand_method).collect();
        }
    }
    prettyplease::unparse(&file)
}

fn expand_method(item: syn::TraitItem) -> Vec<syn::TraitItem> {
    let syn::TraitItem::Fn(mut method) = item else {
        return vec![item];
    };
    let args = take(&mut method.attrs, "api_endpoint");
    let tokens = args.map_or_else(|| quote!(#method), |args| endpoint::expand(args, quote!(#method)));
    let holder: syn::ItemTrait = syn::parse2(quote!(trait Holder { #tokens })).unwrap();
    holder.items
}

fn take(attributes: &mut Vec<syn::Attribute>, name: &str) -> Option<TokenStream> {
    let index = attributes.iter().position(|attribute| attribute.path().is_ident(name))?;
    match attributes.remove(index).meta {
        syn::Meta::List(list) => Some(list.tokens),
        _ => Some(TokenStream::new()),
    }
}

macro_rules! expansions {
    ($($name:ident: $source:literal)*) => {$(
        #[test]
        fn $name() {
            let snapshot = format!("{}\n\n// becomes\n\n{}", $source.trim(), expand_trait($source));
            insta::with_settings!({ omit_expression => true }, { assert_snapshot!(stringify!($name), snapshot) });
        }
    )*};
}

expansions! {
    a_json_body: "
trait Events: Api {
    /// Creates an event.
    #[api_endpoint(post, \"/calendars/{calendar_id}/events\", perm = \"events.create.*\")]
    fn create_event(&self, calendar_id: i64, #[body] event: &NewEvent) -> Call<Event>;
}"
    every_option: "
trait Events: Api {
    #[api_endpoint(patch, \"/events/{id}\", perm = [\"events.update.*\", \"calendars.read.*\"], idempotent, raw, timeout = \"5s\")]
    fn update_event(&self, id: EventId, #[body] change: Change) -> Call<Event>;
}"
    query_and_header: "
trait Events: Api {
    #[api_endpoint(get, \"/events\")]
    fn list_events(&self, #[query] filter: &Filter, #[query(\"page[size]\")] size: Option<u32>, #[header(\"X-Trace\")] trace: &str) -> Call<Vec<Event>>;
}"
    a_form: "
trait Tokens: Api {
    #[api_endpoint(post, \"/tokens\")]
    fn create_token(&self, #[form] grant: &Grant) -> Call<Token>;
}"
    bytes_both_ways: "
trait Files: Api {
    #[api_endpoint(put, \"/files/{name}\")]
    fn store(&self, name: &str, #[body(raw = \"text/csv\")] content: Vec<u8>) -> Call<bytes::Bytes>;
}"
    a_deprecated_endpoint: "
trait Events: Api {
    #[deprecated]
    #[api_endpoint(get, \"/events\")]
    fn list_events(&self, #[query] filter: Option<&Filter>) -> Call<Vec<Event>>;
}"
    an_empty_reply: "
trait Events: Api {
    #[api_endpoint(delete, \"/events/{id}\")]
    fn delete_event(&self, id: EventId) -> Call<()>;
}"
    segments_in_the_order_of_the_path: "
trait Notes: Api {
    #[api_endpoint(get, \"/customers/{customer_id}/notes/{type}\")]
    fn note(&self, r#type: &str, customer_id: CustomerId) -> Call<Note>;
}"
    generics_and_lifetimes: "
trait Search<T: Serialize>: Api {
    #[api_endpoint(post, \"/search/{scope}\")]
    fn search<'a, R>(&'a self, scope: &'a str, #[body] what: &T, #[query] limit: impl Serialize) -> Call<R>
    where
        R: DeserializeOwned,
        Self: Sized;
}"
    a_conditional_argument: "
trait Events: Api {
    #[api_endpoint(get, \"/events\")]
    fn list_events(&self, #[cfg(feature = \"paging\")] #[query] page: u32) -> Call<Vec<Event>>;
}"
    a_renamed_crate: "
trait Events: Api {
    #[api_endpoint(post, \"/events\", crate = sdk::client)]
    fn create_event(&self, #[body] event: &NewEvent) -> Call<Event>;
}"
    a_trait_with_its_catalogue: "
/// Events.
#[api]
pub trait Events: Api {
    #[api_endpoint(get, \"/events/{id}\")]
    fn event(&self, id: EventId) -> Call<Event>;

    #[cfg(feature = \"delete\")]
    #[api_endpoint(delete, \"/events/{id}\")]
    fn delete_event(&self, id: EventId) -> Call<()>;

    #[cfg_attr(feature = \"count\", meetbit_client::api_endpoint(get, \"/events/count\"))]
    fn count(&self) -> Call<u64>;

    /// Not an endpoint.
    fn first(&self) -> Call<Event> { self.event(EventId(1)) }
}"
    a_generic_trait_of_a_renamed_crate: "
#[cfg(feature = \"store\")]
#[deprecated]
#[api(crate = sdk::client)]
trait Store<T: Serialize = u8>: Api + Send where T: Clone {
    #[api_endpoint(put, \"/store\",)]
    fn store(&self, #[body] value: &T) -> Call<()>;
}"
    an_attribute_of_another_crate: "
#[api(crate = sdk)]
trait Rooms: Api {
    #[route(get, \"/v1/rooms\")]
    #[patch(since = \"1\")]
    #[api_endpoint(get, \"/rooms\")]
    fn rooms(&self) -> Call<Vec<Room>>;
}"
    a_wrong_method_stays_usable: "
trait Events: Api {
    #[api_endpoint(post, \"/events/{idd}/{kind}\", prm = \"events.create.*\")]
    async fn create_event(&mut self, id: i64, kind: &str, #[bdy] Wrapper(event): Wrapper<NewEvent>) -> Result<Event, Error>;
}"
    a_wrong_trait_stays_usable: "
#[api]
unsafe trait Events {
    const MAX: u32;
    #[api_endpoint(get, \"/events/{id}\")]
    fn event<I: Display>(&self, id: I) -> Call<Event>;
    #[api_endpoint(get, \"/events/{other}\")]
    fn same(&self, other: i64) -> Call<Event>;
    fn forgotten(&self) -> Call<Event>;
}"
}

#[test]
fn the_example_in_expand_is_what_comes_out() {
    let comment: Vec<&str> = include_str!("../expand.rs").lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let lines: Vec<&str> = comment.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let text = lines.join("\n");
    let block = text.split("```").nth(1).unwrap().strip_prefix("text\n").unwrap();
    let (declaration, expansion) = block.split_once("\n\n").unwrap();
    let indented = expansion.trim_end().replace('\n', "\n    ");
    let expected = format!("trait Notes: Api {{\n    {indented}\n}}\n");
    assert_eq!(expand_trait(&format!("trait Notes: Api {{ {declaration} }}")), expected);
}
