# How a test is registered: one line each.
#
#   hpo_unit_test(ROOM MODULE)     tests/unit/ROOM/MODULE_test.c, a cmocka program, is the test
#                                  unit.ROOM.MODULE (target ROOM_MODULE_test)
#   hpo_python_test(FOLDER NAME)   tests/FOLDER/NAME_test.py is the test FOLDER.NAME
#   hpo_fuzz_target(READER ROOM)   tests/fuzz/READER_fuzz.c and the bad files in
#                                  tests/fuzz/corpus/READER are the test fuzz.READER
#
# All take TIMEOUT seconds, LABELS (default: the kind; add "long" for .ci/full alone), SERIAL for a
# test that measures time or uses all processors, DEFINES; the compiled ones take LIBRARIES and
# SOURCES besides (from the project's root). What links a target that does not exist is left out.
# A test runs in the project's root with HPO_BIN, the folder of the programs. Exit 77 is a skip;
# a part left out says so in a line that begins with "SKIP".

# Labels, time limit and environment, the same for every kind.
function(hpo_test_properties test label)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(HPO_SANITIZE)
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 10")
  endif()
  list(PREPEND arg_LABELS ${label})
  set_tests_properties(${test} PROPERTIES
    LABELS "${arg_LABELS}"
    TIMEOUT ${arg_TIMEOUT}
    COST ${arg_TIMEOUT} # what may take long begins first
    RUN_SERIAL "${arg_SERIAL}"
    SKIP_RETURN_CODE 77
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    ENVIRONMENT "HPO_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endfunction()

# A test program from sources, in BUILD/tests; sets ${made} to whether all it links is there.
function(hpo_test_program made target)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "LABELS;SOURCES;LIBRARIES;DEFINES" ${ARGN})
  set(${made} FALSE PARENT_SCOPE)
  foreach(library ${arg_LIBRARIES})
    if(library MATCHES "^(base|cache|engine|kernels|trainer)$" AND NOT TARGET ${library})
      message(STATUS "${target} waits for ${library}")
      return()
    endif()
  endforeach()
  list(TRANSFORM arg_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/")
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE house ${arg_LIBRARIES})
  target_compile_definitions(${target} PRIVATE ${arg_DEFINES})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  set(${made} TRUE PARENT_SCOPE)
endfunction()

function(hpo_unit_test room module)
  hpo_test_program(made ${room}_${module}_test ${ARGN} SOURCES tests/unit/${room}/${module}_test.c
    LIBRARIES ${room} base PkgConfig::CMOCKA m)
  if(made)
    add_test(NAME unit.${room}.${module} COMMAND ${room}_${module}_test)
    hpo_test_properties(unit.${room}.${module} unit ${ARGN})
  endif()
endfunction()

# LONG: there is a long form of it too, FOLDER.NAME.long, which runs with HPO_LONG=1.
function(hpo_python_test folder name)
  cmake_parse_arguments(python "LONG" "" "" ${ARGN})
  set(script "${CMAKE_SOURCE_DIR}/tests/${folder}/${name}_test.py")
  add_test(NAME ${folder}.${name} COMMAND ${HPO_PYTHON} "${script}")
  hpo_test_properties(${folder}.${name} ${folder} TIMEOUT 400 ${python_UNPARSED_ARGUMENTS})
  if(python_LONG)
    add_test(NAME ${folder}.${name}.long COMMAND ${HPO_PYTHON} "${script}")
    hpo_test_properties(${folder}.${name}.long ${folder} TIMEOUT 3600 LABELS long)
    set_property(TEST ${folder}.${name}.long APPEND PROPERTY ENVIRONMENT HPO_LONG=1)
  endif()
endfunction()

# With HPO_FUZZ a libFuzzer program, else replay.c: either reads every file of the corpus.
function(hpo_fuzz_target reader room)
  set(driver tests/fuzz/replay.c)
  set(flags "")
  if(HPO_FUZZ)
    set(driver "")
    set(flags -runs=0)
  endif()
  hpo_test_program(made ${reader}_fuzz ${ARGN} SOURCES tests/fuzz/${reader}_fuzz.c ${driver}
    LIBRARIES ${room} base m)
  if(made)
    if(HPO_FUZZ)
      target_link_options(${reader}_fuzz PRIVATE -fsanitize=fuzzer)
    endif()
    add_test(NAME fuzz.${reader}
      COMMAND ${reader}_fuzz ${flags} "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${reader}")
    hpo_test_properties(fuzz.${reader} fuzz ${ARGN})
  endif()
endfunction()
