//===- CApiFixture.h - The toy model through the C API --------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tests of the C API share: statuses that are checked and released, and a
// session with all programs of the toy model.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_TEST_UNIT_RUNTIME_CAPIFIXTURE_H
#define STERNA_TEST_UNIT_RUNTIME_CAPIFIXTURE_H

#include "TestModule.h"
#include "sterna/sterna.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace sterna {
namespace test {

inline sterna_string_view_t view(const char *text) {
  return {text, std::strlen(text)};
}

inline std::string text(sterna_string_view_t view) {
  return std::string(view.data ? view.data : "", view.size);
}

/// The message of a status that must be a failure of `code`; releases it.
inline std::string messageOf(sterna_status_t status,
                             sterna_status_code_t code) {
  EXPECT_EQ(sterna_status_code(status), code);
  std::string message = text(sterna_status_message(status));
  EXPECT_EQ(code == STERNA_STATUS_OK, message.empty());
  sterna_status_release(status);
  return message;
}

/// The code of `status`, which is released; a failure must have a message.
inline sterna_status_code_t release(sterna_status_t status) {
  sterna_status_code_t code = sterna_status_code(status);
  EXPECT_EQ(code == STERNA_STATUS_OK, sterna_status_message(status).size == 0);
  sterna_status_release(status);
  return code;
}

#define EXPECT_INVALID(call)                                                   \
  EXPECT_EQ(release(call), STERNA_STATUS_INVALID_ARGUMENT)
#define EXPECT_FAILED(call) EXPECT_EQ(release(call), STERNA_STATUS_FAILED)
#define ASSERT_OK(call) ASSERT_EQ(messageOf(call, STERNA_STATUS_OK), "")

/// A struct of the API with its size set.
template <typename T> T sized() {
  T value = {};
  value.size = sizeof(T);
  return value;
}

/// The ids, or the text, in a buffer, which is released.
inline std::vector<int32_t> takeIds(sterna_buffer_t *buffer) {
  auto *ids = static_cast<const int32_t *>(sterna_buffer_data(buffer));
  std::vector<int32_t> result(ids, ids + sterna_buffer_size(buffer) / 4);
  sterna_buffer_release(buffer);
  return result;
}
inline std::string takeText(sterna_buffer_t *buffer) {
  auto *bytes = static_cast<const char *>(sterna_buffer_data(buffer));
  std::string result(bytes ? bytes : "", sterna_buffer_size(buffer));
  sterna_buffer_release(buffer);
  return result;
}

class CApiFixture : public testing::Test {
protected:
  void SetUp() override { open(toyModel()); }

  void open(const TestModule &description) {
    close();
    path = temporaryPath("toy.stn");
    writeFile(path, description.serialize());
    ASSERT_OK(sterna_module_load(view(path.c_str()), &module));
    ASSERT_OK(sterna_session_create(module, nullptr, &session));
  }

  void close() {
    sterna_session_release(session);
    sterna_module_release(module);
    session = nullptr;
    module = nullptr;
  }

  void TearDown() override { close(); }

  std::string path; // of the module
  sterna_module_t *module = nullptr;
  sterna_session_t *session = nullptr;
};

} // namespace test
} // namespace sterna

#endif // STERNA_TEST_UNIT_RUNTIME_CAPIFIXTURE_H
