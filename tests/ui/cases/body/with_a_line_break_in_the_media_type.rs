use meetbit_client::{Api, Call, Client, api_endpoint};

trait Imports: Api {
    #[api_endpoint(post, "/imports")]
    fn import(&self, #[body(raw = "text/csv;
        charset=utf-8")] csv: &str) -> Call<()>;
}

impl Imports for Client {}

fn main() {
    let _: fn(&Client) -> Call<()> = |client| client.import("a,b");
}
