#include "weir/observe/text_table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace weir::observe {
namespace {

TextTable Sample() {
  TextTable table({{"table"},
                   {"rows", TextTable::kRight},
                   {"spill", TextTable::kRight, 1},
                   {"seconds", TextTable::kRight, 5}});
  table.Add({"flights", "336,776", "1 MB", "4.31"});
  table.Add({"ä", "2", "", "0.1"});
  return table;
}

TEST(TextTable, ColumnsAreAlignedAsDeclared) {
  EXPECT_EQ(Sample().ToString(0),
            "table       rows  spill  seconds\n"
            "flights  336,776   1 MB     4.31\n"
            "ä              2             0.1\n");
}

TEST(TextTable, TheLeastImportantColumnGoesFirst) {
  EXPECT_EQ(Sample().ToString(31),
            "table       rows  seconds\n"
            "flights  336,776     4.31\n"
            "ä              2      0.1\n");
  EXPECT_EQ(Sample().ToString(20),
            "table       rows\n"
            "flights  336,776\n"
            "ä              2\n");
}

TEST(TextTable, EmptyColumnsAreLeftOut) {
  TextTable table({{"a"}, {"b"}});
  table.Add({"x", ""});
  EXPECT_EQ(table.ToString(0), "a\nx\n");
}

TEST(TextTable, WhatStaysIsCutToFit) {
  TextTable table({{"name"}, {"n", TextTable::kRight}});
  table.Add({"a_very_long_table_name", "123"});
  for (size_t width : {15, 20, 24}) {
    std::istringstream lines(table.ToString(width));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(DisplayWidth(line), width);
  }
  EXPECT_EQ(table.ToString(15), "name          n\na_very_lo…  123\n");
}

TEST(TextTable, WidthsAreThoseOfATerminal) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("äöü"), 3u);
  EXPECT_EQ(DisplayWidth("日本"), 4u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);  // combining acute accent
  EXPECT_EQ(CutTo("日本語", 4), "日…");
  EXPECT_EQ(CutTo("abc", 3), "abc");
  EXPECT_EQ(CutTo("abcd", 3), "ab…");
  EXPECT_EQ(DisplayWidth("\xff\xfe"), 2u);  // not UTF-8: as bytes
}

}  // namespace
}  // namespace weir::observe
