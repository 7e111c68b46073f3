# SPDX-License-Identifier: Apache-2.0
# What an application finds: headers, archives, a CMake package and two pkg-config files, all of
# them relocatable (a staging folder or a sysroot works as it is).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ergo)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(TARGETS ergo ergo_base ergo_power ergo_steer EXPORT ergoTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ergo DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(ERGO_PORT STREQUAL "linux")
    # For an administrator to look at and to copy: whom to trust with clocks is not for a build to say.
    install(FILES ports/linux/70-ergo.rules ports/linux/ergo-tmpfiles.conf
        DESTINATION ${CMAKE_INSTALL_DATADIR}/ergo)
endif()
if(TARGET run-model)
    install(TARGETS run-model RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

install(EXPORT ergoTargets NAMESPACE ergo:: DESTINATION ${package_dir})
configure_package_config_file(cmake/ergoConfig.cmake.in ${PROJECT_BINARY_DIR}/ergoConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ergoConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ergoConfig.cmake ${PROJECT_BINARY_DIR}/ergoConfigVersion.cmake
    DESTINATION ${package_dir})

file(RELATIVE_PATH ERGO_PC_UP /prefix/${pkgconfig_dir} /prefix)
set(ERGO_PC_THREADS "")
if(ERGO_PORT STREQUAL "linux")
    set(ERGO_PC_THREADS "-pthread")
endif()
foreach(name IN ITEMS ergo ergo-base ergo-power ergo-steer)
    configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${pkgconfig_dir})
endforeach()
