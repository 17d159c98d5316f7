# Programs that tests and people call by hand. One block per program.

# Scans must be quick in every build type; the bits are the same.
add_executable(function_scan programs/function_scan.c)
target_link_libraries(function_scan PRIVATE chroma2_test_support)
target_compile_options(function_scan PRIVATE -O2)
set_source_files_properties(support/function_list.c PROPERTIES COMPILE_OPTIONS -O2)

add_executable(leak_rays programs/leak_rays.c)
target_link_libraries(leak_rays PRIVATE chroma2_test_support)
if(CHROMA2_BENCHMARKS)
  add_executable(trace_cpu ${CMAKE_SOURCE_DIR}/benchmarks/kernels/trace/trace_cpu.c)
  target_link_libraries(trace_cpu PRIVATE chroma2_test_support)
  target_compile_options(trace_cpu PRIVATE ${isa_flags_v3})
endif()
