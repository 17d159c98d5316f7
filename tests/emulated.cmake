# Tests of the CUDA backend on machines without a GPU, label `emulated`: its sources run on a CPU.
if(NOT TARGET chroma2_cuda_emulated)
  return()
endif()
set(CHROMA2_EMULATED CHROMA2_PLUGIN=$<TARGET_FILE:chroma2_cuda_emulated> CHROMA2_TEST_DEVICE=0)
set_tests_properties(test_warm_session test_lost_device PROPERTIES
  LABELS emulated ENVIRONMENT "${CHROMA2_EMULATED}")

# Tests of whole sessions, with the emulated device in place of the CPU.
foreach(name test_arrays test_device_arrays test_device_results test_pathologies test_scene_edit
    test_table_pathologies)
  add_test(NAME ${name}_emulated COMMAND ${name})
  set_tests_properties(${name}_emulated PROPERTIES LABELS emulated TIMEOUT 600
    SKIP_RETURN_CODE 77 ENVIRONMENT "${CHROMA2_EMULATED}")
endforeach()

# The CPU's bytes from every rung; then other orders of warps.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
function(chroma2_same_bits_emulated name)
  add_test(NAME ${name} COMMAND Python3::Interpreter
    ${CMAKE_CURRENT_SOURCE_DIR}/programs/same_bits.py ${CMAKE_BINARY_DIR}
    --device $<TARGET_FILE:chroma2_cuda_emulated> ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS emulated TIMEOUT 900)
endfunction()
chroma2_same_bits_emulated(same_bits_emulated --scenes cascade --photons 400)
chroma2_same_bits_emulated(same_bits_emulated_rungs --scenes larbox,tank --photons 400 --only-rungs)
chroma2_same_bits_emulated(same_bits_emulated_orders --scenes cascade --photons 150
  --rungs refill,specialized --seeds 2,3)

# The long ones run in the full tier.
set_tests_properties(test_pathologies_emulated test_table_pathologies_emulated PROPERTIES
  LABELS emulated_full)
