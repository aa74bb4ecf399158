//===- session.h - C API: modules and sessions ----------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Device binaries and their programs by name. See sterna.h for what all
// functions have in common.
//
//===----------------------------------------------------------------------===//

#ifndef STERNA_SESSION_H
#define STERNA_SESSION_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define STERNA_API __attribute__((visibility("default")))
#else
#define STERNA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// A piece of text, not terminated. `data` may be null if `size` is 0.
typedef struct sterna_string_view_t {
  const char *data;
  size_t size;
} sterna_string_view_t;

//===----------------------------------------------------------------------===//
// Status
//===----------------------------------------------------------------------===//

typedef enum sterna_status_code_t {
  STERNA_STATUS_OK = 0,
  /// An argument is null or names something that does not exist.
  STERNA_STATUS_INVALID_ARGUMENT = 1,
  /// The file, the machine or the system is in the way; see the message.
  STERNA_STATUS_FAILED = 2,
  STERNA_STATUS_OUT_OF_MEMORY = 3,
  /// A callback asked to stop before there was a result.
  STERNA_STATUS_STOPPED = 4
} sterna_status_code_t;

/// Null on success; else owned by the caller.
typedef struct sterna_status *sterna_status_t;

/// The code of a status, which may be null.
STERNA_API sterna_status_code_t sterna_status_code(sterna_status_t status);

/// The message of a status, valid until it is released; empty on success.
STERNA_API sterna_string_view_t sterna_status_message(sterna_status_t status);

/// Releases a status, which may be null.
STERNA_API void sterna_status_release(sterna_status_t status);

//===----------------------------------------------------------------------===//
// Buffer
//===----------------------------------------------------------------------===//

/// Bytes that belong to the caller until they are released.
typedef struct sterna_buffer sterna_buffer_t;

/// The bytes, aligned for any type; null if there are none. Valid until the
/// buffer is released.
STERNA_API const void *sterna_buffer_data(const sterna_buffer_t *buffer);

/// The size in bytes; 0 for null.
STERNA_API size_t sterna_buffer_size(const sterna_buffer_t *buffer);

/// Releases a buffer, which may be null.
STERNA_API void sterna_buffer_release(sterna_buffer_t *buffer);

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

typedef struct sterna_module sterna_module_t;

struct sterna_linked_code_t;

/// Maps and verifies the device binary at `path`, or the one in the executable
/// there. Checksums of weights are not compared: see
/// sterna_module_verify_weights. The caller holds one reference.
STERNA_API sterna_status_t sterna_module_load(sterna_string_view_t path,
                                              sterna_module_t **out_module);

/// Maps and verifies the device binary at `path` as sterna_module_load does,
/// for code that is linked into the program: `code` is what the object of the
/// same compilation exports (see kernel_library.h), and stays where it is.
/// Nothing is loaded as code then, which some systems do not allow. Fails if
/// the object and the device binary do not belong together.
STERNA_API sterna_status_t sterna_module_load_linked(
    sterna_string_view_t path, const struct sterna_linked_code_t *code,
    sterna_module_t **out_module);

/// Adds a reference. Null is allowed.
STERNA_API void sterna_module_retain(sterna_module_t *module);

/// Gives up a reference; the last one unmaps the file. Null is allowed.
STERNA_API void sterna_module_release(sterna_module_t *module);

/// Compares the weights with their checksums, which reads all of them.
STERNA_API sterna_status_t
sterna_module_verify_weights(const sterna_module_t *module);

/// Programs of the module; 0 for null. What is said of them and of the state is
/// that of its first plan: plans for other devices have the same names and
/// shapes.
STERNA_API size_t sterna_module_program_count(const sterna_module_t *module);

/// The name of the program at `index`; empty if there is none. Valid as long as
/// the module.
STERNA_API sterna_string_view_t
sterna_module_program_name(const sterna_module_t *module, size_t index);

typedef enum sterna_element_type_t {
  STERNA_ELEMENT_TYPE_F32 = 0,
  STERNA_ELEMENT_TYPE_F16 = 1,
  STERNA_ELEMENT_TYPE_BF16 = 2,
  STERNA_ELEMENT_TYPE_I32 = 3,
  STERNA_ELEMENT_TYPE_I8 = 4,
  STERNA_ELEMENT_TYPE_U8 = 5,
  STERNA_ELEMENT_TYPE_I16 = 6,
  STERNA_ELEMENT_TYPE_F64 = 7,
  STERNA_ELEMENT_TYPE_I64 = 8,
  STERNA_ELEMENT_TYPE_BOOLEAN = 9, // a byte, 0 or 1
  STERNA_ELEMENT_TYPE_U16 = 10,
  STERNA_ELEMENT_TYPE_U32 = 11,
  STERNA_ELEMENT_TYPE_U64 = 12
} sterna_element_type_t;

/// What a tensor is: dense, row-major. Pointers are valid as long as the
/// module.
typedef struct sterna_tensor_t {
  size_t size;
  sterna_string_view_t name;
  sterna_element_type_t type;
  /// Extents, outermost first; none for a scalar.
  size_t dimension_count;
  const uint64_t *dimensions;
  /// Of all elements.
  uint64_t bytes;
} sterna_tensor_t;

/// Inputs (outputs) of the program at index `program`; 0 if there is none.
STERNA_API size_t sterna_module_input_count(const sterna_module_t *module,
                                            size_t program);
STERNA_API size_t sterna_module_output_count(const sterna_module_t *module,
                                             size_t program);

/// Describes input (output) `index` of the program at index `program`.
STERNA_API sterna_status_t sterna_module_input(const sterna_module_t *module,
                                               size_t program, size_t index,
                                               sterna_tensor_t *out_tensor);
STERNA_API sterna_status_t sterna_module_output(const sterna_module_t *module,
                                                size_t program, size_t index,
                                                sterna_tensor_t *out_tensor);

/// Tensors of the state, which programs keep from run to run; 0 for null.
STERNA_API size_t sterna_module_state_count(const sterna_module_t *module);

/// Describes the state tensor at `index`.
STERNA_API sterna_status_t sterna_module_state(const sterna_module_t *module,
                                               size_t index,
                                               sterna_tensor_t *out_tensor);

/// What a module says of its model. Strings are valid as long as the module.
typedef struct sterna_model_t {
  size_t size;
  sterna_string_view_t name;
  sterna_string_view_t architecture;
  uint32_t layers;
  uint32_t hidden_size;
  uint32_t feed_forward_size;
  uint32_t heads;
  uint32_t kv_heads;
  uint32_t head_size;
  /// Token ids are below.
  uint32_t vocabulary;
  /// Tokens that a generation holds, its prompt included.
  uint32_t context;
  /// Tokens that the model was made for; 0 if that is not known.
  uint32_t model_context;
  /// The batch that training and evaluation run: rows, and tokens of each.
  uint32_t batch;
  uint32_t sequence_length;
  /// The largest rank of an adapter; 0: none can be used.
  uint32_t lora_rank;
  /// 1 if the training programs are there.
  uint32_t trainable;
} sterna_model_t;

STERNA_API sterna_status_t sterna_module_model(const sterna_module_t *module,
                                               sterna_model_t *out_model);

/// Everything that the module holds, its memory plan and its kernels: the JSON
/// object, UTF-8, that `sterna-run info --json` prints.
STERNA_API sterna_status_t sterna_module_describe(const sterna_module_t *module,
                                                  sterna_buffer_t **out_json);

//===----------------------------------------------------------------------===//
// Session
//===----------------------------------------------------------------------===//

typedef struct sterna_session sterna_session_t;

/// How to create a session. Set `size` to sizeof(sterna_session_options_t);
/// zero in every other member asks for the default.
typedef struct sterna_session_options_t {
  size_t size;
  /// Threads, the calling one included; 0: one for each available core. Must
  /// be 0 unless the device is the CPU.
  uint32_t threads;
  /// The programs that will run; the arena is sized for the largest of them.
  /// None: all programs of the module.
  uint32_t program_count;
  const sterna_string_view_t *programs;
  /// "cpu", "vulkan" or "vulkan:INDEX", the index as `sterna-run devices`
  /// counts them; empty: "cpu". "vulkan" is the first discrete GPU, else the
  /// first integrated one, else the first Vulkan device.
  sterna_string_view_t device;
  /// Not 0: it is recorded how long each dispatch runs.
  uint32_t profile;
  /// "mapped", "resident" or "prefetch", as `sterna-run --weights` has them;
  /// empty: "mapped", which it must be unless the device is the CPU.
  sterna_string_view_t weights;
} sterna_session_options_t;

/// Prepares a module on a device: allocates all memory, loads code, starts
/// threads. Fails if the device is not there or the module has no code for it;
/// no other is taken instead. `options` may be null. The session retains the
/// module. What a GPU's driver compiled is kept in the user's folder for
/// caches, $XDG_CACHE_HOME/sterna or ~/.cache/sterna, to start faster the next
/// time.
STERNA_API sterna_status_t sterna_session_create(
    sterna_module_t *module, const sterna_session_options_t *options,
    sterna_session_t **out_session);

/// Adds a reference. Null is allowed.
STERNA_API void sterna_session_retain(sterna_session_t *session);

/// Gives up a reference; the last one frees the session. Null is allowed.
STERNA_API void sterna_session_release(sterna_session_t *session);

/// Copies `size` bytes to the input called `name` of `program`; they must be
/// exactly its size. Programs may share memory for inputs and outputs: write
/// every input before each run, read outputs before writing other inputs.
STERNA_API sterna_status_t sterna_session_write_input(
    sterna_session_t *session, sterna_string_view_t program,
    sterna_string_view_t name, const void *data, size_t size);

/// Copies the output called `name` of `program` to `out_data`; `size` must be
/// exactly its size in bytes.
STERNA_API sterna_status_t sterna_session_read_output(
    sterna_session_t *session, sterna_string_view_t program,
    sterna_string_view_t name, size_t size, void *out_data);

/// Copies `size` bytes, exactly its size, to a tensor of the state. A session
/// has only the state that its programs touch; fails for any other.
STERNA_API sterna_status_t sterna_session_write_state(sterna_session_t *session,
                                                      sterna_string_view_t name,
                                                      const void *data,
                                                      size_t size);

/// Copies a tensor of the state, exactly `size` bytes, to `out_data`.
STERNA_API sterna_status_t sterna_session_read_state(sterna_session_t *session,
                                                     sterna_string_view_t name,
                                                     size_t size,
                                                     void *out_data);

/// Runs a program and returns when its outputs can be read.
STERNA_API sterna_status_t sterna_session_run(sterna_session_t *session,
                                              sterna_string_view_t program);

/// Where the time of all runs went that a session with `profile` has recorded:
/// a JSON list of objects, UTF-8, in falling order of time, each with the keys
/// `kernel`, `calls`, `seconds` (a mean over the threads), `tier` and
/// `location`. One without a tier is the waiting.
STERNA_API sterna_status_t sterna_session_profile(
    const sterna_session_t *session, sterna_buffer_t **out_json);

#ifdef __cplusplus
}
#endif

#endif // STERNA_SESSION_H
