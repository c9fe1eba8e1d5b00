// weir init: a small project that works at once, with data, contract and test.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "weir/cli/commands.h"

namespace weir::cli {

namespace {

struct NewFile {
  const char* path;
  const char* text;
};

constexpr NewFile kFiles[] = {
    {"shop.sql", R"(-- A small shop: messy files in, trusted tables out. Try, in this folder:
--   weir run                            weir quarantine list
--   weir sql -c "SELECT * FROM orders"  weir explain
--   weir test                           weir run     (again: only what is new is read)

CREATE TABLE orders_raw (
  id INT, customer VARCHAR, amount DECIMAL(10, 2), ordered_at TIMESTAMP
) WITH ('connector' = 'filesystem', 'path' = 'data/orders-*.csv', 'format' = 'csv');

CREATE TABLE customers_raw (customer VARCHAR, country VARCHAR)
WITH ('connector' = 'filesystem', 'path' = 'data/customers.csv', 'format' = 'csv');

-- Every row that breaks a constraint is kept, dropped or put into orders__quarantine, with its
-- origin and the reason; rows that do not parse are quarantined.
CREATE MATERIALIZED TABLE orders (
  CONSTRAINT has_customer EXPECT (customer IS NOT NULL) ON VIOLATION QUARANTINE,
  CONSTRAINT positive     EXPECT (amount > 0)           ON VIOLATION DROP ROW,
  CONSTRAINT plausible    EXPECT (amount < 1000)
)
AS SELECT o.*, c.country
   FROM orders_raw AS o LEFT JOIN customers_raw AS c ON o.customer = c.customer;

CREATE MATERIALIZED TABLE sales_daily
AS SELECT CAST(ordered_at AS DATE) AS day, country, count(*) AS orders, sum(amount) AS amount
   FROM orders GROUP BY ALL;

SELECT * FROM sales_daily ORDER BY day, country;
)"},
    {"data/orders-2024-01-01.csv", R"(id,customer,amount,ordered_at
1,ann,19.90,2024-01-01 09:12:00
2,bob,5.00,2024-01-01 10:40:00
3,,12.50,2024-01-01 11:05:00
4,ann,-3.00,2024-01-01 15:30:00
5,cem,twelve,2024-01-01 18:00:00
6,cem,1200.00,2024-01-01 20:15:00
)"},
    {"data/orders-2024-01-02.csv", R"(id,customer,amount,ordered_at
7,bob,42.00,2024-01-02 08:00:00
8,dora,7.25,2024-01-02 08:30:00
)"},
    {"data/customers.csv", R"(customer,country
ann,DE
bob,FR
cem,TR
dora,DE
)"},
    {"tests/rejects/input/orders_raw.csv", R"(id,customer,amount,ordered_at
1,ann,10.00,2024-01-01 09:00:00
2,,10.00,2024-01-01 09:00:00
3,ann,0.00,2024-01-01 09:00:00
)"},
    {"tests/rejects/input/customers_raw.csv", "customer,country\nann,DE\n"},
    {"tests/rejects/expect/orders.csv", "id,customer,amount,country\n1,ann,10.00,DE\n"},
    {"tests/rejects/expect/sales_daily.csv", "day,country,orders,amount\n2024-01-01,DE,1,10.00\n"},
    {".gitignore", "/tables/\n/.weir/\n"},
};

Status Init(Env& env, const std::string& folder) {
  for (const NewFile& file : kFiles) {
    const std::string path = JoinPath(folder, file.path);
    if (!env.Exists(path)) continue;
    return Error::User(ErrorCode::kAlreadyExists, path + " is there already")
        .Fix("give a new folder");
  }
  for (const NewFile& file : kFiles) {
    const std::string path = JoinPath(folder, file.path);
    WEIR_RETURN_IF_ERROR(env.CreateDirs(ParentPath(path)));
    WEIR_RETURN_IF_ERROR(env.WriteFileAtomic(path, file.text));
  }
  fmt::print("{} holds a small project; run it: weir run {}\n", folder, folder);
  return Status::Ok();
}

}  // namespace

void AddInitCommand(CLI::App& app, Outcome& outcome) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("init", "write a small working project");
  command->add_option("folder", *folder, "where; made if it is not there")->required();
  command->callback([folder, &outcome] {
    const Status status = Init(RealEnv(), *folder);
    if (!status.ok()) outcome.exit_code = Fail(status.error());
  });
}

}  // namespace weir::cli
