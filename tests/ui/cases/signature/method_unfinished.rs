use meetbit_client::{Api, Call, api, api_endpoint};

#[api]
trait Events: Api {
    #[api_endpoint(get, "/events/{id}")]
    fn get(&self, id: ) -> Call<String>;
}

fn main() {}
