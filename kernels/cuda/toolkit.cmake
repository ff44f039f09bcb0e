# Which CUDA this build has. After it HPO_CUDA_BUILD is on, off or emulated, and HPO_CUDA_OPTIONS
# are what nvcc compiles every source with.
if(NOT HPO_CUDA MATCHES "^(auto|on|off|emulated)$")
  message(FATAL_ERROR "HPO_CUDA: expected auto, on, off or emulated, found \"${HPO_CUDA}\"")
endif()
set(HPO_CUDA_BUILD ${HPO_CUDA})

# nvcc is looked for on PATH, where NVIDIA's packages put it, and, for tests, where
# tools/install-tests does.
if(HPO_CUDA MATCHES "^(auto|on)$" AND NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  set(folders /usr/local/cuda/bin)
  if(HPO_TESTS)
    file(GLOB wheels "${CMAKE_SOURCE_DIR}/build-cuda-toolkit/lib/python3*/site-packages/nvidia/cu13/bin")
    list(APPEND folders ${wheels})
  endif()
  find_program(HPO_NVCC nvcc PATHS ${folders})
  if(HPO_NVCC)
    set(ENV{CUDACXX} "${HPO_NVCC}")
  endif()
endif()
if(HPO_CUDA STREQUAL "auto")
  include(CheckLanguage)
  check_language(CUDA)
  set(HPO_CUDA_BUILD off)
  if(CMAKE_CUDA_COMPILER)
    set(HPO_CUDA_BUILD on)
  else()
    message(STATUS "No CUDA toolkit (nvcc and g++): hpo-trainer is built for processors only")
  endif()
endif()

# -fmad=false: only an explicit fma is fused. No -Wpedantic: it warns of lines that nvcc writes.
# What the host's code would need of libstdc++ is left out of it.
set(HPO_CUDA_OPTIONS -fmad=false -Werror=all-warnings
  -Xcompiler=-Wall,-Wextra,-Werror,-fno-exceptions,-fno-rtti,-fno-threadsafe-statics)
if(HPO_CUDA_BUILD STREQUAL "on")
  set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100-real 120-real)
  if(HPO_CUDA_CARDS STREQUAL "one")
    execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
      OUTPUT_VARIABLE capability ERROR_QUIET RESULT_VARIABLE failed)
    set(CMAKE_CUDA_ARCHITECTURES 90-real)
    if(NOT failed AND capability MATCHES "^([0-9]+)\\.([0-9]+)")
      set(CMAKE_CUDA_ARCHITECTURES ${CMAKE_MATCH_1}${CMAKE_MATCH_2}-real)
    endif()
  endif()
  enable_language(CUDA)
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.4)
    message(FATAL_ERROR "CUDA ${CMAKE_CUDA_COMPILER_VERSION} is too old: 12.4 or newer is needed "
      "(https://developer.nvidia.com/cuda-downloads), or -DHPO_CUDA=off")
  endif()
  set(CMAKE_CUDA_STANDARD 17)
  set(CMAKE_CUDA_FLAGS_RELWITHDEBINFO "-O3")
  # Nothing is linked for being CUDA: kernels names the runtime, and needs no libstdc++.
  set(CMAKE_CUDA_IMPLICIT_LINK_LIBRARIES "")
  set(CMAKE_CUDA_RUNTIME_LIBRARY None)
  find_package(CUDAToolkit REQUIRED)
elseif(HPO_CUDA_BUILD STREQUAL "emulated")
  enable_language(CXX)
  set(CMAKE_CXX_STANDARD 17)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g")
endif()
