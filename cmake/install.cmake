# Headers, library, pkg-config and CMake files, for C and C++ users.
install(TARGETS chroma2 EXPORT chroma2Targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/chroma2 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT chroma2Targets NAMESPACE chroma2:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/chroma2)
configure_package_config_file(cmake/chroma2Config.cmake.in ${CMAKE_BINARY_DIR}/chroma2Config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/chroma2)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/chroma2ConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/chroma2Config.cmake ${CMAKE_BINARY_DIR}/chroma2ConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/chroma2)
file(RELATIVE_PATH CHROMA2_PC_TO_PREFIX
  "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
configure_file(cmake/chroma2.pc.in ${CMAKE_BINARY_DIR}/chroma2.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/chroma2.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
