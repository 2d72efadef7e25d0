//! Whatever tokens come in, the macros answer with tokens.
#![allow(clippy::unwrap_used, reason = "a seed that does not parse is a broken test")]

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::{api, endpoint};

const ENDPOINTS: [(&str, &str); 4] = [
    (
        r#"post, "/calendars/{calendar_id}/events/{r}", perm = ["events.create.*", "a.b.1"], idempotent, timeout = "5s""#,
        r#"fn create(&self, calendar_id: i64, r: &str, #[query("n")] notify: Option<bool>, #[body] event: &NewEvent) -> Call<Event>;"#,
    ),
    (
        r#"get, "/x/{idd}", raw, crate = a::b"#,
        r#"#[doc = "x"] fn get<'a, T>(&'a self, id: T, #[header("X-A")] a: &str, #[cfg(x)] #[query] b: u8) -> Call<Vec<T>> where Self: Sized;"#,
    ),
    (
        r#"put, "/files/{type}""#,
        r#"async fn put(self, r#type: impl Display, #[body(raw = "text/csv; a=b")] mut c: Vec<u8>) -> Result<Bytes, Error> {}"#,
    ),
    (
        r#"delete, "/a/{b}/{c}""#,
        r"unsafe fn delete(b: u8, (c, d): (u8, u8), #[form] e: &F) -> impl Future<Output = ()>;",
    ),
];

const TRAIT: (&str, &str) = (
    "crate = a::b",
    r#"#[cfg(x)] #[deprecated] pub trait Events<T: Clone = u8>: Api + Send where T: Copy {
        #[cfg(y)] #[api_endpoint(get, "/events/{id}")] fn event(&self, id: u8) -> Call<Event>;
        #[cfg_attr(x, m::api_endpoint(get, "/events/{other}", perm = "a.b.*"))] fn other<U>(&self, other: U) -> Call<Event>;
        fn own(&self) {} const N: u8; m!{}
    }"#,
);

/// Pieces that mutations put in: what the grammar knows, and what it does not.
const WORDS: [&str; 27] = [
    "get",
    "post",
    "perm",
    "raw",
    "crate",
    "self",
    "fn",
    "Call",
    "query",
    "body",
    "header",
    "form",
    "r#type",
    "async",
    "impl",
    "where",
    "cfg",
    "cfg_attr",
    "api_endpoint",
    "é",
    "_",
    "mut",
    "Sized",
    "dyn",
    "url",
    "path",
    "verb",
];
const TEXTS: [&str; 24] = [
    "",
    "/",
    "//",
    "/{",
    "/}",
    "/{}",
    "/{{x}}",
    "/{é}",
    "/{²}",
    "/{1a}",
    "/{x:y}",
    "/{id}{id}",
    "/{id}/{id}",
    "/{_}",
    "/{type}",
    "é",
    "/%2e",
    "/?{id}#{id}",
    "http://",
    "https://é/{id}?{",
    "a.b",
    "..",
    "5é",
    "\u{0}\n",
];

#[test]
fn any_tokens_are_answered_with_tokens() {
    let mut random = Random(0x5eed);
    for round in 0..4000 {
        let (args, item) = ENDPOINTS[round % ENDPOINTS.len()];
        endpoint::expand(random.mutate(args), random.mutate(item));
        api::expand(random.mutate(TRAIT.0), random.mutate(TRAIT.1));
        api::expand(TRAIT.0.parse().unwrap(), random.mutate(TRAIT.1));
        endpoint::expand(args.parse().unwrap(), random.mutate(item));
        usable(&endpoint::expand(random.mutate(args), item.parse().unwrap()));
    }
}

#[test]
fn any_word_behind_the_path_is_an_option_or_a_mistake() {
    let item: TokenStream = "fn get(&self) -> Call<T>;".parse().unwrap();
    for word in WORDS {
        for value in ["", "= \"a.b.c\"", "(\"/b\")"] {
            let args = format!("get, \"/a\", {word} {value}");
            usable(&endpoint::expand(args.parse().unwrap(), item.clone()));
        }
    }
}

/// Asserts that what comes out is one method, with a body and no markers, beside the mistakes; without any it is an
/// endpoint.
fn usable(tokens: &TokenStream) {
    let text = tokens.to_string();
    let holder: syn::ItemTrait = syn::parse2(quote::quote!(trait Holder { #tokens })).expect(&text);
    let methods: Vec<_> = holder.items.iter().filter(|item| matches!(item, syn::TraitItem::Fn(_))).collect();
    let [syn::TraitItem::Fn(method)] = methods[..] else { panic!("{text}") };
    assert!(method.default.is_some() && method.sig.receiver().is_some(), "{text}");
    let has_mistakes = text.contains("compile_error") || text.contains("format_args");
    assert!(has_mistakes || !text.contains("unimplemented"), "{text}");
    let arguments = method.sig.inputs.iter().filter_map(|input| match input {
        syn::FnArg::Typed(argument) => Some(argument),
        syn::FnArg::Receiver(_) => None,
    });
    assert!(arguments.flat_map(|argument| &argument.attrs).all(|other| other.path().is_ident("cfg")), "{text}");
}

#[test]
fn any_text_in_a_path_is_answered_with_tokens() {
    let mut random = Random(0xbeef);
    let item: TokenStream = "fn get(&self, id: i64, é: u8, r#type: u8) -> Call<T>;".parse().unwrap();
    for _ in 0..4000 {
        let text: String = (0..random.below(5)).map(|_| TEXTS[random.below(TEXTS.len())]).collect();
        let literal = Literal::string(&text);
        endpoint::expand(quote::quote!(get, #literal, perm = #literal, timeout = #literal), item.clone());
    }
}

/// A xorshift generator: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Changes a few tokens at any depth.
    fn mutate(&mut self, source: &str) -> TokenStream {
        let mut tokens: TokenStream = source.parse().unwrap();
        for _ in 0..=self.below(3) {
            tokens = self.change(tokens);
        }
        tokens
    }

    fn change(&mut self, tokens: TokenStream) -> TokenStream {
        let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
        let index = self.below(trees.len() + 1);
        match trees.get(index) {
            Some(TokenTree::Group(group)) if self.below(4) > 0 => {
                let (delimiter, stream) = (group.delimiter(), group.stream());
                trees[index] = TokenTree::Group(Group::new(delimiter, self.change(stream)));
            }
            None => trees.push(self.token()),
            Some(tree) => match self.below(4) {
                0 => drop(trees.remove(index)),
                1 => trees[index] = self.token(),
                2 => trees.insert(index, self.token()),
                _ => {
                    let (tree, target) = (tree.clone(), self.below(trees.len()));
                    trees.insert(target, tree);
                }
            },
        }
        trees.into_iter().collect()
    }

    fn token(&mut self) -> TokenTree {
        let delimiters = [Delimiter::None, Delimiter::Parenthesis, Delimiter::Bracket, Delimiter::Brace];
        match self.below(5) {
            0 => TokenTree::Literal(Literal::string(TEXTS[self.below(TEXTS.len())])),
            1 => TokenTree::Punct(Punct::new(b",;:=#&<>!.-'"[self.below(11)].into(), Spacing::Alone)),
            2 => {
                let inner = TokenStream::from(self.token());
                TokenTree::Group(Group::new(delimiters[self.below(4)], inner))
            }
            3 => TokenTree::Literal(Literal::u8_suffixed(7)),
            _ => match WORDS[self.below(WORDS.len())].strip_prefix("r#") {
                Some(word) => TokenTree::Ident(Ident::new_raw(word, Span::call_site())),
                None => TokenTree::Ident(Ident::new(
                    WORDS[self.below(WORDS.len())].trim_start_matches("r#"),
                    Span::call_site(),
                )),
            },
        }
    }
}
